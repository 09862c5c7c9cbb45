//! The numbers of northern and eastern Europe and of central Asia.

use super::{Id, of};
use crate::redact::detectors::national::Named::{Country, General, Itself};
use crate::redact::detectors::national::checks;
use crate::redact::token::Class::NationalId;

#[rustfmt::skip]
pub(super) const EAST: &[Id] = &[
    of("bg-egn", NationalId, &["egn", "егн", "unified civil", "единен граждански номер", "uniform civil number"], General, r"[0-9]{10}", checks::egn, "grao.bg"),
    of("bg-lnch", NationalId, &["лнч", "lnch", "личен номер на чужденец", "personal number of a foreigner"], Country, r"[0-9]{10}", checks::lnch, "mvr.bg"),
    of("bg-bulstat", NationalId, &["bulstat", "булстат", "еик", "eik", "uic"], Country, r"(?:BG ?)?[0-9]{9,10}", checks::bulstat, "registryagency.bg"),
    of("by-unp", NationalId, &["унп", "unp"], Country, r"[1-9][0-9]{8}", checks::unp, "nalog.gov.by"),
    of("cz-sk-rodne-cislo", NationalId, &["rodné číslo", "rodne cislo", "rodne číslo", "rodné cislo", "birth number", "rč", "rodnecislo", "rod. číslo", "r.č.", "rodné č."], General, r"[0-9]{6}/?[0-9]{3,4}", checks::rodne_cislo, "mvcr.cz"),
    of("cz-sk-ico", NationalId, &["ičo", "ico", "identifikační číslo", "identifikacni cislo"], Country, r"[0-9]{8}", checks::cz_ico, "csu.gov.cz"),
    of("cz-dic", NationalId, &["dič", "dic", "daňové identifikační číslo", "danove identifikacni cislo"], Country, r"(?:CZ ?)?[0-9]{8,10}", checks::cz_vat, "financnisprava.cz"),
    of("dk-cpr", NationalId, &["cpr", "cpr-nummer", "cpr nummer", "cpr-nr", "cpr number"], Country, r"[0-9]{6}[- ]?[0-9]{4}", checks::cpr, "cpr.dk"),
    of("dk-cvr", NationalId, &["cvr", "cvr-nummer", "cvr-nr", "se-nummer"], Country, r"(?:DK ?)?[1-9][0-9]{7}", checks::cvr, "virk.dk"),
    of("ee-lt-isikukood", NationalId, &["isikukood", "asmens kodas", "asmens"], General, r"[1-8][0-9]{10}", checks::isikukood, "siseministeerium.ee"),
    of("ee-vat", NationalId, &["kmkr", "käibemaksukohustuslase"], Country, r"(?:EE ?)?[0-9]{9}", checks::ee_vat, "emta.ee"),
    of("fi-hetu", NationalId, &["hetu", "henkilötunnus", "henkilotunnus", "personbeteckning", "sotu", "personal identity code", "henkilötunnuksesi", "hetu-tunnus"], General, r"(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])[0-9]{2}[-+A-FU-Y][0-9]{3}[0-9A-Y]", checks::hetu, "dvv.fi"),
    of("fi-business-id", NationalId, &["y-tunnus", "ytunnus", "fo-nummer", "business id", "alv-numero"], Country, r"(?:FI ?)?[0-9]{7}-?[0-9]", checks::ytunnus, "ytj.fi"),
    of("hr-oib", NationalId, &["oib", "osobni identifikacijski", "osobni identifikacijski broj"], General, r"[0-9]{11}", checks::oib, "porezna-uprava.hr"),
    of("hu-tax", NationalId, &["adóazonosító", "adoazonosito", "adószám", "adóazonosító jel", "adoazonosito jel", "adójel"], General, r"8[0-9]{9}", checks::hu_tax, "nav.gov.hu"),
    of("hu-taj", NationalId, &["taj", "taj szám", "taj-szám", "tajszám", "társadalombiztosítási"], Country, r"[0-9]{3}[- ]?[0-9]{3}[- ]?[0-9]{3}", checks::hu_taj, "neak.gov.hu"),
    of("hu-personal", NationalId, &["személyi szám", "személyi azonosító", "szemelyi szam", "szemelyi azonosito"], General, r"[1-8][- ]?[0-9]{6}[- ]?[0-9]{4}", checks::hu_personal, "njt.hu/jogszabaly/1996-20-00-00"),
    of("hu-vat", NationalId, &["adószám", "adoszam", "közösségi adószám"], Country, r"(?:HU ?)?[0-9]{8}(?:-?[1-5]-?[0-9]{2})?", checks::hu_vat, "nav.gov.hu"),
    of("is-kennitala", NationalId, &["kennitala", "kt.", "icelandic id"], General, r"[0-7][0-9]{5}-?[0-9]{4}", checks::kennitala, "skra.is"),
    of("kz-iin", NationalId, &["иин", "iin", "жсн"], General, r"[0-9]{12}", checks::kz_iin, "egov.kz"),
    of("lt-vat", NationalId, &["pvm", "pvm kodas", "pvm mokėtojo kodas"], Country, r"(?:LT ?)?(?:[0-9]{12}|[0-9]{9})", checks::lt_vat, "vmi.lt"),
    of("lv-pk", NationalId, &["personas kods"], General, r"[0-9]{6}-?[0-9]{5}", checks::lv_pk, "pmlp.gov.lv"),
    of("lv-vat", NationalId, &["pvn", "pvn numurs", "reģistrācijas numurs"], Country, r"(?:LV ?)?[0-9]{11}", checks::lv_vat, "vid.gov.lv"),
    of("md-idnp", NationalId, &["idnp", "idno"], Country, r"[0-9]{13}", checks::idnp, "asp.gov.md"),
    of("no-fodselsnummer", NationalId, &["fødselsnummer", "fodselsnummer", "fnr", "personnummer", "fødselsnr", "d-nummer", "d-number", "birth number"], General, r"[0-9]{6} ?[0-9]{5}", checks::fodselsnummer, "skatteetaten.no"),
    of("no-organisasjonsnummer", NationalId, &["organisasjonsnummer", "orgnr", "org.nr", "org nr", "foretaksnummer"], Country, r"(?:NO ?)?[89][0-9]{2} ?[0-9]{3} ?[0-9]{3}(?: ?MVA)?", checks::no_orgnr, "brreg.no"),
    of("pl-pesel", NationalId, &["pesel", "nr pesel", "numer pesel"], General, r"[0-9]{11}", checks::pesel, "gov.pl"),
    of("pl-nip", NationalId, &["nip"], General, r"[0-9]{3}-?[0-9]{2,3}-?[0-9]{2}-?[0-9]{2,3}", checks::nip, "podatki.gov.pl"),
    of("pl-regon", NationalId, &["regon"], Country, r"(?:[0-9]{14}|[0-9]{9})", checks::regon, "stat.gov.pl"),
    of("pl-id-card", NationalId, &["dowód osobisty", "dowod osobisty", "dowodu", "numer dowodu", "seria i numer", "dowód", "dowod"], General, r"[A-Z]{3} ?[0-9]{6}", checks::pl_card, "gov.pl/web/gov/dowod-osobisty"),
    of("pl-passport", NationalId, &["paszport", "paszportu", "numer paszportu", "passport"], Country, r"[A-Z]{2} ?[0-9]{7}", checks::pl_passport, "gov.pl/web/gov/paszport"),
    of("ro-cnp", NationalId, &["cnp", "cod numeric personal", "codul numeric personal", "personal numeric code"], General, r"[1-9][0-9]{12}", checks::cnp, "mai.gov.ro"),
    of("ro-cui", NationalId, &["cui", "cod unic", "cod fiscal", "cif", "cod de identificare fiscală"], Country, r"(?:RO ?)?[1-9][0-9]{3,9}", checks::cui, "anaf.ro"),
    of("ru-inn", NationalId, &["инн", "inn"], Country, r"(?:[0-9]{12}|[0-9]{10})", checks::inn, "nalog.gov.ru"),
    of("ru-snils", NationalId, &["снилс", "snils"], General, r"[0-9]{3}-?[0-9]{3}-?[0-9]{3}[- ]?[0-9]{2}", checks::snils, "sfr.gov.ru"),
    of("se-personnummer", NationalId, &["personnummer", "samordningsnummer", "personnr", "coordination number", "personal identity number"], General, r"(?:[0-9]{2})?[0-9]{6}[-+ ]?[0-9]{4}", checks::personnummer, "skatteverket.se"),
    of("se-organisationsnummer", NationalId, &["organisationsnummer", "orgnr", "org nr", "org.nr", "organisation number", "organization number", "orgnummer", "company identity code", "organisationsnr", "företagsnummer"], Country, r"[0-9]{6}-?[0-9]{4}", checks::organisationsnummer, "bolagsverket.se"),
    of("si-emso", NationalId, &["emšo", "emso", "jmbg", "jmb", "enotna matična številka", "jedinstveni matični broj", "unique master citizen number", "enotna matična številka občana"], General, r"[0-9]{13}", checks::emso, "gov.si"),
    of("si-tax", NationalId, &["davčna številka", "davcna stevilka", "davčna", "davcna"], Country, r"(?:SI ?)?[1-9][0-9]{7}", checks::si_tax, "fu.gov.si"),
    of("sk-vat", NationalId, &["ič dph", "ic dph", "dič", "dic"], Country, r"(?:SK ?)?[1-9][0-9]{9}", checks::sk_vat, "financnasprava.sk"),
    of("tr-tckn", NationalId, &["tckn", "kimlik", "tc kimlik", "t.c.", "tc no", "kimlik no", "vatandaşlık", "tc kimlik no", "tc kimlik numarası", "t.c. kimlik", "vatandaslik", "tcno", "tc_no", "kimlik numarası"], General, r"[1-9][0-9]{10}", checks::tckn, "nvi.gov.tr"),
    of("tr-plate", NationalId, &["plaka", "plate", "araç plakası", "license plate", "licence plate"], Itself, r"(?:0[1-9]|[1-7][0-9]|8[01])[ -]?[A-Z]{1,3}[ -]?[0-9]{2,5}", checks::none, "egm.gov.tr"),
    of("tr-vkn", NationalId, &["vkn", "vergi no", "vergi kimlik", "vergi numarası"], Country, r"[0-9]{10}", checks::vkn, "gib.gov.tr"),
    of("ua-rnokpp", NationalId, &["рнокпп", "rnokpp", "іпн", "ипн", "ідентифікаційний номер", "ipn"], Country, r"[0-9]{10}", checks::ua_tax, "tax.gov.ua"),
];
