//! National numbers: found beside their name with right check digits, spared with wrong ones.

use super::redactor;

/// What a number is called, a right one and the same with a wrong check digit or in a wrong form. The right ones are examples that
/// the issuers, or the descriptions of their algorithms, publish.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("routing number", "121000248", "121000249"),
    ("NPI", "1234567893", "1234567890"),
    ("MBI", "1EG4-TE5-MK73", "1EG4-TE5-MK7"),
    ("DEA", "AB1234563", "AB1234564"),
    ("NHS number", "943 476 5919", "943 476 5918"),
    ("NINO", "AB 12 34 56 C", "GB 12 34 56 C"),
    ("TFN", "123 456 782", "123 456 783"),
    ("ABN", "51 824 753 556", "51 824 753 557"),
    ("ACN", "004 085 616", "004 085 617"),
    ("medicare", "2123 45670 1", "2123 45671 1"),
    ("aadhaar", "2341 2341 2346", "2341 2341 2347"),
    ("NRIC", "S1234567D", "S1234567A"),
    ("DNI", "12345678Z", "12345678A"),
    ("NIE", "X1234567L", "X1234567T"),
    ("codice fiscale", "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
    ("PESEL", "44051401359", "44051401358"),
    ("NIP", "123-456-32-18", "123-456-32-17"),
    ("REGON", "123456785", "123456786"),
    ("hetu", "131052-308T", "131052-308U"),
    ("personnummer", "811228-9874", "811228-9875"),
    ("steuer-id", "86095742719", "86095742718"),
    ("RVNR", "15070649C103", "15070649C104"),
    ("KVNR", "A123456780", "A123456781"),
    ("NIR", "255081416802538", "255081416802539"),
    ("BSN", "111222333", "111222334"),
    ("rijksregisternummer", "85.07.30-033.28", "85.07.30-033.29"),
    ("SVNR", "1237 010180", "1238 010180"),
    ("AHV", "756.9217.0769.85", "756.9217.0769.86"),
    ("contribuinte", "123456789", "123456788"),
    ("PPSN", "1234567T", "1234567A"),
    ("rodné číslo", "736028/5163", "736028/5164"),
    ("CNP", "1800101221144", "1800101221145"),
    ("EGN", "7523169263", "7523169264"),
    ("OIB", "69435151530", "69435151531"),
    ("EMŠO", "0101006500006", "0101006500007"),
    ("isikukood", "37605030299", "37605030298"),
    ("TCKN", "10000000146", "10000000147"),
    ("South African ID", "8001015009087", "8001015009088"),
    ("CPF", "529.982.247-25", "529.982.247-26"),
    ("CNPJ", "11.222.333/0001-81", "11.222.333/0001-82"),
    ("CUIT", "20-12345678-6", "20-12345678-7"),
    ("RUT", "12.345.678-5", "12.345.678-6"),
    ("CURP", "HEGG560427MVZRRL04", "HEGG560427MVZRRL05"),
    ("SIN", "130 692 544", "130 692 545"),
    ("身份证", "11010519491231002X", "110105194912310021"),
    ("taiwan", "A123456789", "A123456788"),
    ("HKID", "A123456(3)", "A123456(4)"),
    ("thai", "1-1017-00230-70-8", "1-1017-00230-70-9"),
    ("my number", "1234 5678 9018", "1234 5678 9017"),
    ("IRD", "49-091-850", "49-091-851"),
    ("matricule", "1893120105732", "1893120105733"),
    ("kennitala", "450401-3150", "450401-3160"),
    ("IDNP", "2000500012347", "2000500012348"),
    ("РНОКПП", "1759013776", "1759013775"),
    ("ИНН", "7707083893", "7707083894"),
    ("СНИЛС", "112-233-445 95", "112-233-445 96"),
    ("УНП", "200988541", "200988542"),
    ("vergi no", "4540536920", "4540536921"),
    ("dowód osobisty", "ABS123456", "ABS123455"),
    ("paszport", "ZS 0000177", "ZS 1000177"),
    ("adószám", "12892312", "12892313"),
    ("CUI", "18547290", "18547291"),
    ("BULSTAT", "175074752", "175074751"),
    ("davčna številka", "50223054", "50223055"),
    ("KMKR", "100594102", "100594103"),
    ("PVM kodas", "119511515", "119511516"),
    ("CVR", "13585628", "13585629"),
    ("organisasjonsnummer", "988 077 917", "988 077 918"),
    ("Y-tunnus", "2077474-0", "2077474-1"),
    ("UID", "CHE-100.155.212", "CHE-100.155.213"),
    ("SIREN", "552 008 443", "552 008 444"),
    ("SIRET", "732 829 320 00074", "732 829 320 00075"),
    ("CIF", "A13585625", "A13585626"),
    ("cartão de cidadão", "00000000 0 ZZ4", "00000000 0 ZZ5"),
    ("RUT", "211003420017", "211003420018"),
    ("RUC", "20512333797", "20512333798"),
    ("RIF", "V-11470283-4", "V-11470283-5"),
    ("NIT", "576937-K", "576937-J"),
    ("cédula", "001-1391820-5", "001-1391820-6"),
    ("RNC", "1-01-85004-3", "1-01-85004-4"),
    ("Emirates ID", "784198512345673", "784198512345674"),
    ("کد ملی", "0499370899", "0499370898"),
    ("corporate number", "5835678256246", "6835678256246"),
    ("USCC", "91110000600037341L", "91110000600037342L"),
    ("UBN", "00501503", "00501504"),
    ("PPS number", "1234567TW", "1234567AW"),
    ("subscriber", "1EG4-TE5-MK73", "1EG4-SE5-MK73"),
    ("vote with", "DBJ2289013", "DBJ228901"),
    ("NHI", "ZZZ0016", "ZZZ0017"),
    ("VAT number", "ATU13585627", "ATU13585626"),
    ("VAT number", "DE136695976", "DE136695978"),
    ("BTW", "NL004495445B01", "NL004495446B01"),
    ("TVA", "FR40303265045", "FR41303265045"),
    ("VAT ID", "IE6433435F", "IE6433435E"),
    ("moms", "SE123456789701", "SE123456789101"),
    ("주민등록번호", "960121-1021413", "961321-1021413"),
    ("German tax id", "86095742719", "86095742718"),
    ("portuguese_tax_id", "248915967", "248915968"),
    ("swedish_pin", "811228-9874", "811228-9875"),
    ("nationalInsurance", "AB123456C", "GB123456C"),
    ("pesel_number", "44051401359", "44051401358"),
    ("TR national id", "10000000146", "10000000145"),
];

#[test]
fn numbers_with_right_check_digits_go_and_others_stay() {
    let redactor = redactor();
    let mut wrong = Vec::new();
    for (name, right, other) in EXAMPLES {
        let out = redactor.text(&format!("{name}: {right}, ok"));
        let token = out.strip_prefix(&format!("{name}: ")).and_then(|rest| rest.strip_suffix(", ok"));
        if !token.is_some_and(|token| token.starts_with("national_id:I-") || token.starts_with("health:H-")) {
            wrong.push(format!("not found: {name}: {right} → {out}"));
        }
        // Some names tell something else besides (`UID`).
        let text = format!("{name}: {other}, ok");
        let out = redactor.text(&text);
        if out != text && !out.contains("user:U-") {
            wrong.push(format!("not spared: {text} → {out}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_number_without_its_name_is_any_number() {
    let redactor = redactor();
    for text in [
        "took 121000248 ns",
        "44051401359 rows",
        "offset 1234567893",
        "span 8001015009087",
        "captains of 529982247 ships",
    ] {
        assert_eq!(redactor.text(text), text);
    }
}

#[test]
fn a_number_may_be_glued_to_its_name() {
    let redactor = redactor();
    for (head, number) in
        [("PESEL", "44051401359"), ("my Swedish id code is", "198112289874"), ("customerCpf", "52998224725")]
    {
        let out = redactor.text(&format!("{head}{number}."));
        assert!(out.starts_with(&format!("{head}national_id:I-")), "{out}");
    }
    for text in ["pesel a44051401359", "PESEL44051401358", "pesel v44051401359"] {
        assert_eq!(redactor.text(text), text);
    }
}

#[test]
fn a_number_is_one_however_it_is_grouped() {
    let redactor = redactor();
    let token = |text: &str| redactor.text(&format!("cpf {text}"));
    assert_eq!(token("529.982.247-25"), token("52998224725"));
    assert_eq!(redactor.text("customerCpf=52998224725"), token("52998224725").replace("cpf ", "customerCpf="));
    // By whichever of its names it is called.
    let named = |text: &str| redactor.text(text).rsplit_once(' ').unwrap().1.to_owned();
    assert_eq!(named("steuer-id 86095742719"), named("tax id 86095742719"));
}
