//! The numbers of the Americas.

use super::{Id, of};
use crate::redact::detectors::national::Named::{Country, General, Itself};
use crate::redact::detectors::national::checks;
use crate::redact::token::Class::{Health, NationalId};

#[rustfmt::skip]
pub(super) const AMERICAS: &[Id] = &[
    of("ar-cuit", NationalId, &["cuit", "cuil", "c.u.i.t.", "c.u.i.l."], General, r"[0-9]{2}[- ]?[0-9]{8}[- ]?[0-9]", checks::cuit, "argentina.gob.ar"),
    of("br-cpf", NationalId, &["cpf", "cadastro de pessoas", "cadastro de pessoa", "c.p.f.", "cadastro de pessoas físicas"], General, r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}[-./]?[0-9]{2}", checks::cpf, "gov.br/receitafederal"),
    of("br-cnpj", NationalId, &["cnpj", "cadastro nacional"], General, r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}/?[0-9]{4}-?[0-9]{2}", checks::cnpj, "gov.br/receitafederal"),
    of("br-pis", NationalId, &["pis", "pasep", "pis/pasep", "nis", "nit"], Country, r"[0-9]{3}\.?[0-9]{5}\.?[0-9]{2}-?[0-9]", checks::pis, "gov.br/inss"),
    of("br-cnh", NationalId, &["cnh", "carteira nacional de habilitação", "carteira de motorista", "habilitação"], Country, r"[0-9]{11}", checks::cnh, "gov.br/senatran"),
    of("ca-sin", NationalId, &["sin", "social insurance", "sin number", "nas", "social insurance number", "numéro d'assurance sociale", "sin no"], General, r"[1-79][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{3}", checks::sin, "canada.ca"),
    of("ca-business-number", NationalId, &["business number", "gst/hst number"], Country, r"[0-9]{9}(?: ?R[CPTMRZ] ?[0-9]{4})?", checks::ca_bn, "canada.ca"),
    of("ca-ohip", Health, &["ohip", "health card", "health card number", "health insurance number"], Country, r"[1-9][0-9]{3}[- ]?[0-9]{3}[- ]?[0-9]{3}(?:[- ]?[A-Z]{1,2})?", checks::ohip, "ontario.ca"),
    of("ca-bc-phn", Health, &["phn", "personal health number", "care card"], Country, r"9[0-9]{3}[- ]?[0-9]{3}[- ]?[0-9]{3}", checks::bc_phn, "gov.bc.ca"),
    of("cl-rut", NationalId, &["rut", "rol único tributario", "rol unico", "r.u.t."], General, r"[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-?[0-9K]", checks::rut, "sii.cl"),
    of("co-nit", NationalId, &["nit"], General, r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]", checks::co_nit, "dian.gov.co"),
    of("do-cedula", NationalId, &["cédula", "cedula", "cédula de identidad"], General, r"[0-9]{3}-?[0-9]{7}-?[0-9]", checks::cedula, "jce.gob.do"),
    of("do-rnc", NationalId, &["rnc"], Country, r"[1-9]-?[0-9]{2}-?[0-9]{5}-?[0-9]", checks::rnc, "dgii.gov.do"),
    of("ec-id", NationalId, &["cédula", "cedula", "cédula de identidad", "cédula de ciudadanía"], General, r"[0-3][0-9]{8}-?[0-9]", checks::ec_id, "registrocivil.gob.ec"),
    of("gt-nit", NationalId, &["nit"], Country, r"[0-9]{5,8}-?[0-9K]", checks::gt_nit, "portal.sat.gob.gt"),
    of("cl-run", NationalId, &["run"], Itself, r"(?:[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}|[0-9]{7,8})-[0-9K]", checks::rut, "registrocivil.cl"),
    of("mx-curp", NationalId, &["curp", "clave única", "clave unica"], General, r"[A-Z][AEIOUX][A-Z]{2}[0-9]{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z][0-9]", checks::curp, "gob.mx"),
    of("mx-rfc", NationalId, &["rfc", "registro federal"], Country, r"[A-Z&]{3,4}[0-9]{6}[A-Z0-9]{2}[A0-9]", checks::none, "sat.gob.mx"),
    of("mx-nss", NationalId, &["nss", "imss", "número de seguridad social", "numero de seguridad social"], Country, r"[0-9]{11}", checks::nss, "imss.gob.mx"),
    of("pe-ruc", NationalId, &["ruc"], General, r"(?:10|15|16|17|20)[0-9]{9}", checks::pe_ruc, "sunat.gob.pe"),
    of("py-ruc", NationalId, &["ruc"], Country, r"[1-9][0-9]{4,7}-[0-9]", checks::py_ruc, "dnit.gov.py"),
    of("us-aba", NationalId, &["aba", "routing", "rtn", "aba routing", "routing number", "routing transit", "routing no", "aba number", "bank routing"], Country, r"[0-9]{4}[- ]?[0-9]{4}[- ]?[0-9]", checks::aba, "federalreserve.gov"),
    of("us-itin", NationalId, &["itin", "individual taxpayer"], Country, r"9[0-9]{2}[- ]?(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-24-9])[- ]?[0-9]{4}", checks::none, "irs.gov"),
    of("us-passport", NationalId, &["passport", "us passport", "travel document"], Itself, r"(?:[A-Z][0-9]{8}|[0-9]{9})", checks::none, "travel.state.gov"),
    of("us-driver-license", NationalId, &["driver license", "driver's license", "drivers license", "driving license", "driver licence", "dl number", "driver lic", "license number", "driver_license", "driverlicense", "permit"], Itself, r"(?:[A-Z][0-9]{3,12}(?:-[0-9]{3,6}){0,3}|[A-Z]{2}[0-9]{3,7}|[0-9]{7,9}|[A-Z][0-9]{3}-[0-9]{4}-[0-9]{4}|[0-9]{2}[A-Z]{3}[0-9]{5})", checks::none, "aamva.org"),
    of("us-npi", Health, &["npi", "national provider"], Itself, r"[12][0-9]{3}[- ]?[0-9]{3}[- ]?[0-9]{3}", checks::npi, "cms.gov"),
    of("us-mbi", Health, &["mbi", "medicare beneficiary", "medicare number", "medicare id", "medicare", "beneficiary", "patient", "subscriber", "insured", "enrollee"], General, r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y]{2}[0-9]{2}", checks::none, "cms.gov"),
    of("us-dea", Health, &["dea"], Itself, r"[ABCDEFGHJKLMPRSTUX][A-Z9][0-9]{7}", checks::dea, "deadiversion.usdoj.gov"),
    of("us-ein", NationalId, &["ein", "fein", "employer identification", "employer id", "federal tax id"], Itself, r"[0-9]{2}-?[0-9]{7}", checks::ein, "irs.gov/businesses/small-businesses-self-employed/how-eins-are-assigned-and-valid-ein-prefixes"),
    of("uy-ci", NationalId, &["cédula", "cedula", "cédula de identidad"], Country, r"[1-9]\.?[0-9]{3}\.?[0-9]{3}-?[0-9]", checks::uy_ci, "gub.uy/direccion-nacional-identificacion-civil"),
    of("uy-rut", NationalId, &["rut", "registro único tributario"], General, r"[0-9]{2}-?[0-9]{6}-?001-?[0-9]", checks::uy_rut, "dgi.gub.uy"),
    of("ve-rif", NationalId, &["rif"], General, r"[VEJPG]-?[0-9]{8}-?[0-9]", checks::ve_rif, "seniat.gob.ve"),
];
