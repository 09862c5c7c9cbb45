"""Values of the six entities, from other people's tables: Faker, phonenumbers, python-stdnum, ipaddress."""

import ipaddress
import re
import string

import phonenumbers
from faker import Faker
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import iban as stdnum_iban
from stdnum import luhn

LOCALES = ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "pt_BR", "nl_NL", "sv_SE", "tr_TR", "cs_CZ"]

# The networks' number ranges: first digits and lengths, as their operators publish them.
NETWORKS = {
    "visa": (["4"], [13, 16, 16, 16, 19]),
    "mastercard": (["51", "52", "53", "54", "55", "2221", "2300", "2500", "2720"], [16]),
    "amex": (["34", "37"], [15]),
    "discover": (["6011", "644", "645", "649", "65"], [16]),
    "diners": (["300", "305", "36", "38", "39"], [14]),
    "jcb": (["3528", "3550", "3589"], [16]),
    "unionpay": (["6221", "6229", "6258", "6243", "6282"], [16, 19]),
    "maestro": (["5018", "5020", "5038", "6304", "6759", "6761", "6763"], [13, 16, 18, 19]),
    "mir": (["2200", "2202", "2204"], [16]),
    "rupay": (["6521", "6080", "8172"], [16]),
    "troy": (["9792"], [16]),
    "elo": (["636368", "438935", "504175", "650905"], [16]),
    "hipercard": (["606282"], [16]),
    "verve": (["506099", "650002"], [16, 18, 19]),
    "dankort": (["5019"], [16]),
}

# Country and account structure, from the IBAN registry as python-stdnum carries it.
IBAN_STRUCTURES = [(row[1], row[3]["bban"]) for row in stdnum_iban._ibandb.prefixes if "bban" in row[3]]

PHONE_REGIONS = (
    "US US US GB GB DE DE FR FR IN BR CA IL AU NZ IE ES IT NL BE AT CH SE NO DK FI PL CZ HU RO PT GR TR RU UA JP KR CN TW HK SG "
    "MY TH VN ID PH PK BD AE SA EG NG KE ZA MX AR CL CO PE"
).split()


class Values:
    """Draws values with one seeded source."""

    def __init__(self, rng):
        self.rng = rng
        self.fakers = []
        for locale in LOCALES:
            faker = Faker(locale)
            faker.seed_instance(rng.getrandbits(32))
            self.fakers.append(faker)

    def digits(self, count):
        return "".join(self.rng.choice(string.digits) for _ in range(count))

    def faker(self):
        return self.rng.choice(self.fakers)

    def name(self):
        return self.faker().name()

    def address(self):
        return self.faker().street_address().replace("\n", ", ")

    def email(self):
        """(text, note)"""
        faker, rng = self.faker(), self.rng
        plain = faker.email(safe=False)
        local, domain = plain.split("@")
        kind = rng.choice("plain plain free company tag upper subdomain digits newtld underscore apostrophe unicode-domain".split())
        match kind:
            case "free":
                return faker.free_email(), kind
            case "company":
                return faker.company_email(), kind
            case "tag":
                return f"{local}+{rng.choice(['news', 'x1', 'a.b', 'orders-2024'])}@{domain}", kind
            case "upper":
                return f"{local.title()}@{domain.upper()}", kind
            case "subdomain":
                return f"{local}@{rng.choice(['mail', 'eu.mx', 'students.cs'])}.{domain}", kind
            case "digits":
                return f"{self.digits(rng.randint(4, 9))}@{domain}", kind
            case "newtld":
                name = domain.split(".")[0]
                return f"{local}@{name}.{rng.choice(['photography', 'dev', 'io', 'museum', 'co.uk', 'com.br', 'app', 'xn--p1ai'])}", kind
            case "underscore":
                return f"_{local.replace('.', '_')}-{self.digits(2)}@{domain}", kind
            case "apostrophe":
                return f"o'{local}@{domain}", kind
            case "unicode-domain":
                return f"{local}@{rng.choice(['müller', 'café', 'bücher', 'łódź'])}.{rng.choice(['de', 'fr', 'pl', 'com'])}", kind
        return plain, kind

    def phone(self):
        """(text, note): a valid number in one of its usual layouts."""
        rng, region = self.rng, self.rng.choice(PHONE_REGIONS)
        number = self.phone_number(region)
        layout = rng.choice("e164 e164 international international national national national rfc3966 zeros dots".split())
        shown = lambda f: phonenumbers.format_number(number, f)
        match layout:
            case "e164":
                text = shown(PhoneNumberFormat.E164)
            case "international":
                text = shown(PhoneNumberFormat.INTERNATIONAL)
            case "national":
                text = shown(PhoneNumberFormat.NATIONAL)
            case "rfc3966":
                text = shown(PhoneNumberFormat.RFC3966)
            case "zeros":
                text = "00" + shown(PhoneNumberFormat.INTERNATIONAL)[1:]
            case "dots":
                text = shown(PhoneNumberFormat.INTERNATIONAL).replace(" ", ".").replace("-", ".")
        return text, f"{layout} {region}"

    def phone_number(self, region):
        """A valid mobile or fixed line of the region, from its example by other digits."""
        kind = self.rng.choice([PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE])
        example = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number(region)
        digits = str(example.national_number)
        for _ in range(200):
            kept = self.rng.randint(2, 4)
            national = digits[:kept] + self.digits(len(digits) - kept)
            number = phonenumbers.PhoneNumber(country_code=example.country_code, national_number=int(national))
            if phonenumbers.is_valid_number_for_region(number, region):
                number.italian_leading_zero = example.italian_leading_zero
                return number
        return example

    def card(self):
        network = self.rng.choice(list(NETWORKS))
        prefixes, lengths = NETWORKS[network]
        body = self.rng.choice(prefixes)
        body += self.digits(self.rng.choice(lengths) - len(body) - 1)
        number = body + luhn.calc_check_digit(body)
        layout = self.rng.choice(["plain", "plain", "spaces", "dashes"])
        if layout != "plain":
            mark = " " if layout == "spaces" else "-"
            cuts = [4, 10] if len(number) in (14, 15) else [4, 8, 12, 16]
            number = mark.join(number[a:b] for a, b in zip([0, *cuts], [*cuts, None]) if number[a:b])
        return number, f"{network} {layout}"

    def ssn(self):
        """Under the rules of before and after 2011: no area 000, 666 or 9xx, no group 00, no serial 0000."""
        area = self.rng.choice([a for a in range(1, 900) if a != 666])
        parts = f"{area:03}", f"{self.rng.randint(1, 99):02}", f"{self.rng.randint(1, 9999):04}"
        layout = self.rng.choice(["dashes", "dashes", "dashes", "spaces", "plain"])
        return {"dashes": "-", "spaces": " ", "plain": ""}[layout].join(parts), layout

    def iban(self):
        country, structure = self.rng.choice(IBAN_STRUCTURES)
        account = "".join(self.account_part(int(length), of) for length, of in re.findall(r"(\d+)!?([nac])", structure))
        number = country + stdnum_iban.calc_check_digits(country + "00" + account) + account
        layout = self.rng.choice(["plain", "plain", "groups", "lower"])
        if layout == "groups":
            number = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
        elif layout == "lower":
            number = number.lower()
        return number, f"{country} {layout}"

    def account_part(self, length, of):
        letters = {"n": string.digits, "a": string.ascii_uppercase, "c": string.ascii_uppercase + string.digits}[of]
        return "".join(self.rng.choice(letters) for _ in range(length))

    def ip(self):
        kind = self.rng.choice("v4 v4 v4 v4 v6full v6 v6short v6short v6mapped v6upper v6linklocal".split())
        draw = self.rng.getrandbits
        if kind == "v4":
            address = ipaddress.IPv4Address(draw(32))
            return (str(address), kind) if not special(address) else self.ip()
        if kind == "v6mapped":
            return f"::ffff:{ipaddress.IPv4Address(draw(31) | 1 << 24)}", kind
        if kind == "v6linklocal":
            return str(ipaddress.IPv6Address(0xFE80 << 112 | draw(64))), kind
        if kind == "v6short":
            return str(ipaddress.IPv6Address(0x2A << 120 | draw(24) << 96 | draw(self.rng.choice([8, 16, 40])))), kind
        address = ipaddress.IPv6Address(0x2 << 124 | draw(1) << 120 | (draw(120) & ~(draw(48) << 60)))
        return {"v6full": address.exploded, "v6": str(address), "v6upper": str(address).upper()}[kind], kind


def special(address):
    """Addresses that say nothing about anyone."""
    return address.is_loopback or address.is_unspecified or address.is_multicast or address.is_reserved or address.packed[0] in (0, 255)
