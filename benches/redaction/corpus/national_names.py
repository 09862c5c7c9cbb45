"""National numbers of persons: python-stdnum's module, and the words and keys that name the number where it is used."""

# Those that Presidio or Datadog's scanner have a rule for.
COVERED = {
    "au.tfn": ["TFN", "tax file number"], "at.vnr": ["SVNR", "Sozialversicherungsnummer", "VSNR"],
    "be.nn": ["rijksregisternummer", "numéro national", "NISS", "Belgian national register number"],
    "bg.egn": ["EGN", "ЕГН", "Единен граждански номер"], "br.cpf": ["CPF", "Cadastro de Pessoas Físicas"],
    "ca.sin": ["SIN", "social insurance number"], "ch.ssn": ["AHV-Nr", "Sozialversicherungsnummer", "numéro AVS", "AHV number"],
    "cl.rut": ["RUT", "RUN", "Rol Único Tributario"], "cn.ric": ["身份证号", "Resident Identity Card", "citizen id number"],
    "cz.rc": ["rodné číslo", "RČ", "Czech birth number"], "de.idnr": ["Steuer-ID", "IdNr", "Steueridentifikationsnummer", "German tax id"],
    "dk.cpr": ["CPR", "CPR-nummer", "personnummer"], "ee.ik": ["isikukood", "Estonian personal id"],
    "es.dni": ["DNI", "Documento Nacional de Identidad"], "es.nie": ["NIE", "número de identidad de extranjero"],
    "fi.hetu": ["HETU", "henkilötunnus", "Finnish personal identity code"],
    "fr.nif": ["numéro fiscal", "SPI", "French tax number"], "fr.nir": ["NIR", "numéro de sécurité sociale", "INSEE number"],
    "gb.nhs": ["NHS number", "NHS no"], "gb.utr": ["UTR", "Unique Taxpayer Reference"], "gr.amka": ["AMKA", "ΑΜΚΑ"],
    "hr.oib": ["OIB", "osobni identifikacijski broj"], "ie.pps": ["PPS number", "PPSN", "Personal Public Service number"],
    "il.idnr": ["Teudat Zehut", "מספר זהות", "Israeli id number"], "in_.aadhaar": ["Aadhaar", "aadhaar number", "UIDAI"],
    "in_.vid": ["Aadhaar VID", "virtual id"], "it.codicefiscale": ["codice fiscale", "Italian fiscal code"],
    "jp.in_": ["マイナンバー", "個人番号", "My Number"], "kr.rrn": ["주민등록번호", "RRN", "resident registration number"],
    "lt.asmens": ["asmens kodas", "Lithuanian personal code"], "mx.curp": ["CURP"], "nl.bsn": ["BSN", "burgerservicenummer"],
    "no.fodselsnummer": ["fødselsnummer", "personnummer", "Norwegian national id"], "pl.pesel": ["PESEL", "numer PESEL"],
    "pt.cc": ["cartão de cidadão", "Portuguese citizen card"], "pt.nif": ["NIF", "número de contribuinte"],
    "ro.cnp": ["CNP", "cod numeric personal"], "se.personnummer": ["personnummer", "Swedish personal number"],
    "si.emso": ["EMŠO", "enotna matična številka občana"], "sk.rc": ["rodné číslo", "Slovak birth number"],
    "th.pin": ["เลขประจำตัวประชาชน", "Thai national id"], "tr.tckimlik": ["TC kimlik no", "T.C. Kimlik No", "kimlik numarası"],
    "za.idnr": ["South African ID", "RSA ID", "SA id number"],
}  # fmt: skip

# The other numbers of persons that python-stdnum knows.
OTHERS = {
    "ar.cuit": ["CUIT", "CUIL"], "be.bis": ["numéro BIS", "BIS-nummer"], "be.ssn": ["INSZ", "NISS"], "bg.pnf": ["ЛНЧ", "personal number of a foreigner"],
    "ca.bc_phn": ["PHN", "personal health number"], "cu.ni": ["carnet de identidad"], "co.nit": ["NIT"],
    "do.cedula": ["cédula"], "ec.ci": ["cédula de identidad"], "gb.upn": ["UPN", "unique pupil number"],
    "id.nik": ["NIK"], "is_.kennitala": ["kennitala"], "mu.nid": ["Mauritian NID"], "mx.rfc": ["RFC"], "my.nric": ["NRIC", "MyKad"],
    "nl.onderwijsnummer": ["onderwijsnummer"], "nz.ird": ["IRD number"], "es.nif": ["NIF"], "pe.cui": ["DNI"], "pk.cnic": ["CNIC"],
    "ru.inn": ["ИНН", "INN"], "ua.rntrc": ["РНОКПП"], "us.atin": ["ATIN"], "us.itin": ["ITIN"], "it.iva": ["partita IVA"],
    "tr.vkn": ["vergi kimlik numarası", "VKN"], "uy.rut": ["RUT"], "ve.rif": ["RIF"], "vn.mst": ["mã số thuế", "MST"],
    "li.peid": ["PEID"], "pl.nip": ["NIP"], "br.cnpj": ["CNPJ"], "au.abn": ["ABN"], "in_.gstin": ["GSTIN"], "in_.pan": ["PAN number"],
    "dz.nif": ["NIF"], "cr.cpf": ["cédula física"], "th.tin": ["Thai TIN"], "za.tin": ["South African tax number"],
}  # fmt: skip
