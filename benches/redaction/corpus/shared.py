"""The labelled sets of other projects beside the checkout, in `../shared/testdata`, where they are present."""

import csv
import json
from sample import Sample

# The sets' names for the six entities, and for what is not scored.
CLASSES = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "TR_PHONE_NUMBER": "phone", "PH_MOBILE_NUMBER": "phone",
    "CREDIT_CARD": "card", "US_SSN": "ssn", "IBAN_CODE": "iban", "IP_ADDRESS": "ip",
}  # fmt: skip
# The words that name the numbers with check digits among the sets' other entities.
WORDS = {
    "AU_ABN": "ABN", "AU_ACN": "ACN", "AU_TFN": "tax file number", "AU_MEDICARE": "Medicare number", "CA_SIN": "social insurance number",
    "DE_TAX_ID": "Steuer-ID", "DE_HEALTH_INSURANCE": "Krankenversichertennummer", "DE_SOCIAL_SECURITY": "Rentenversicherungsnummer",
    "DE_ID_CARD": "Personalausweis", "DE_PASSPORT": "Reisepass", "DE_LANR": "LANR", "ES_NIF": "NIF", "ES_NIE": "NIE",
    "FI_PERSONAL_IDENTITY_CODE": "henkilötunnus", "IN_AADHAAR": "Aadhaar", "IN_PAN": "PAN", "IN_GSTIN": "GSTIN", "IN_VOTER": "voter id",
    "IT_FISCAL_CODE": "codice fiscale", "IT_VAT_CODE": "partita IVA", "KR_RRN": "주민등록번호", "KR_FRN": "외국인등록번호", "KR_BRN": "사업자등록번호",
    "NG_NIN": "NIN", "PL_PESEL": "PESEL", "SE_PERSONNUMMER": "personnummer", "SE_ORGANISATIONSNUMMER": "organisationsnummer",
    "SG_NRIC_FIN": "NRIC", "SG_UEN": "UEN", "TH_TNIN": "Thai national id", "TR_NATIONAL_ID": "TC kimlik no", "UK_NHS": "NHS number",
    "UK_NINO": "National Insurance number", "ZA_ID_NUMBER": "South African ID", "US_MBI": "Medicare beneficiary identifier",
    "PH_TIN": "TIN", "ABA_ROUTING_NUMBER": "ABA routing number", "US_ITIN": "ITIN",
    "AUSTRALIAN_MEDICARE": "Medicare number", "AUSTRALIAN_TFN": "TFN", "AUSTRIAN_SSN": "SVNR", "BELGIUM_NATIONAL_REGISTER": "rijksregisternummer",
    "BRAZILIAN_CPF": "CPF", "BULGARIAN_EGN": "EGN", "CHINESE_ID": "身份证号", "DUTCH_BSN": "BSN", "FINNISH_HETU": "HETU",
    "FRANCE_NIF": "numéro fiscal", "FRANCE_SSN": "numéro de sécurité sociale", "NIR": "NIR", "GERMAN_IDS": "Personalausweis",
    "GERMAN_SVNR": "Rentenversicherungsnummer", "IRISH_PPS": "PPS number", "LITHUANIAN_PERSONAL_IDENTIFICATION_NUMBER": "asmens kodas",
    "PORTUGUESE_TAX_ID": "NIF", "RODNE_CISLO": "rodné číslo", "ROMANIAN_PERSONAL_NUMERIC_CODE": "CNP", "SINGAPORE_NRIC": "NRIC",
    "SPAIN_DNI": "DNI", "SPANISH_NUSS": "número de la seguridad social", "SWEDEN_PIN": "personnummer", "UK_TRN": "UTR",
}  # fmt: skip
LABELLED = ["presidio_analyzer_tests", "presidio_research_generated_small", "dd_sds_validators"]


def records(folder, name):
    path = folder / "redaction" / f"{name}.jsonl"
    if not path.is_file():
        return None
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def entities(folder):
    """{set: samples} with the spans of the six entities, of other entities as "other". Absent sets are absent."""
    result = {}
    for name in LABELLED:
        rows = records(folder, name)
        if rows is None:
            continue
        samples = []
        for row in rows:
            spans = [(start, end, CLASSES.get(label, "other")) for start, end, label in row.get("expect") or []]
            if any(label != "other" for _, _, label in spans) or row["scope"] == "full":
                samples.append(Sample(row["text"], spans, row["scope"], row["id"]))
        result[name] = samples
    return result


def numbers(folder):
    """(right, wrong) samples of national numbers from the sets of single recognizers, each beside a word that names it.

    Most of their texts are the number alone; those get the word of `WORDS` before them.
    """
    right, wrong = [], []
    for name in LABELLED:
        for row in records(folder, name) or []:
            word = WORDS.get(row["entity"])
            if row["scope"] != "entity" or word is None:
                continue
            note, spans = f"{name} {row['entity']}", [tuple(span) for span in row.get("expect") or []]
            if row["expect_match"] and spans:
                alone = spans[0][0] == 0 and spans[-1][1] == len(row["text"])
                lead = f"{word}: " if alone else ""
                right.append(Sample(lead + row["text"], [(start + len(lead), end + len(lead), label) for start, end, label in spans], name, note))
            elif not row["expect_match"]:
                wrong.append(Sample(f"{word}: {row['text']}", [], name, note))
    return right, wrong


def secrets(folder):
    rows = records(folder, "detect_secrets_tests")
    if rows is None:
        return None
    return [
        Sample(row["text"], [tuple(row["expect"][0])], "", row["native"].split(":")[0])
        for row in rows
        if row["entity"] == "SECRET" and row.get("expect")
    ]


def statements(folder):
    """(statement, literals that must not survive)."""
    rows = records(folder, "sql_obfuscation")
    return rows and [(row["text"], row["must_not_survive"]) for row in rows]


def log_lines(folder):
    """{system: the messages of its corrected log}."""
    result = {}
    for path in sorted((folder / "loghub").glob("*_corrected.csv")):
        with path.open(newline="") as file:
            result[path.name.split("_")[0]] = [row["Content"] for row in csv.DictReader(file)]
    return result
