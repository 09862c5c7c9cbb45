//! The kinds of numbers, by country, and what any of them is called.

mod americas;
mod asia;
mod east;
mod west;

use super::{Id, Named};
use crate::redact::token::Class;

/// Every kind.
pub(crate) fn ids() -> impl Iterator<Item = &'static Id> {
    [west::WEST, east::EAST, americas::AMERICAS, asia::ASIA].into_iter().flatten()
}

const fn of(
    name: &'static str,
    class: Class,
    words: &'static [&'static str],
    named: Named,
    pattern: &'static str,
    check: fn(&str) -> bool,
    source: &'static str,
) -> Id {
    Id { name, class, words, named, pattern, check, source }
}

/// What any of them is called.
#[rustfmt::skip]
pub(super) const GENERAL: &[&str] = &[
    "national id", "national ids", "national identification", "national identity", "national identifier", "national identity number", "id number", "id no", "id nr",
    "id code", "id card", "identity number", "identity no", "identity card", "identity code", "identity document", "personal number", "personal no",
    "personal id", "personal identification", "personal identifier", "personal identity", "personal code", "person number",
    "identification number", "identification no", "identification code", "tax id", "tax ids", "tax number", "tax no", "tax identification",
    "tax identifier", "tax code", "tax registration", "fiscal number", "fiscal id", "taxpayer id", "taxpayer number", "taxpayer",
    "tin", "social security", "social insurance", "social number", "citizen id", "citizen number", "citizen card",
    "citizenship number", "national number", "national register", "national no", "national insurance", "ssn", "vat number", "vat id", "vat no",
    "vat registration", "health number", "health card", "health id", "government id", "govt id", "resident id",
    "resident number", "residence number", "registration number", "document number", "nin", "nid", "identifiant national",
    "identifiant fiscal", "numéro d'identité", "numero d'identite", "numéro d'identification", "carte d'identité", "carte d'identite",
    "pièce d'identité", "documento de identidad", "número de identidad", "numero de identidad", "número de identificación",
    "numero de identificacion", "documento d'identità", "numero di identificazione", "carta d'identità",
    "identiteitsnummer", "identiteitskaart", "identificatienummer", "identitetsnummer",
    "documento de identificação", "número de identificação",
    "идентификационный номер", "паспорт", "身份证", "身分證", "身份證",
];

/// Words beside which the name of a country speaks of one of its numbers.
pub(super) const NOUNS: &str = r"(?i)(?:^|[^\p{L}])(?:ids?|identity|identification|identifiers?|pins?|nins?|tins?|ssns?|codes?|number|numbers|no|nr|cards?|personal|tax|fiscal|vat|citizens?|registers?|registry|registration|insurance|security|pass|numeric|health|medicare|nif|nir)(?:[^\p{L}]|$)";

/// Countries by the beginning of the names of their kinds: what they and what is theirs are called.
#[rustfmt::skip]
pub(super) const COUNTRIES: &[(&str, &[&str])] = &[
    ("ae", &["emirates", "emirati", "uae"]),
    ("ar", &["argentina", "argentine", "argentinian"]),
    ("at", &["austria", "austrian", "österreich", "österreichische"]),
    ("au", &["australia", "australian"]),
    ("be", &["belgium", "belgian", "belgië", "belgique"]),
    ("bg", &["bulgaria", "bulgarian"]),
    ("br", &["brazil", "brazilian", "brasil", "brasileiro"]),
    ("by", &["belarus", "belarusian"]),
    ("ca", &["canada", "canadian", "canadien", "ontario", "british columbia"]),
    ("ch", &["switzerland", "swiss", "schweiz", "schweizer", "suisse"]),
    ("cl", &["chile", "chilean", "chileno"]),
    ("cn", &["china", "chinese", "中国"]),
    ("co", &["colombia", "colombian"]),
    ("cy", &["cyprus", "cypriot"]),
    ("cz", &["czech", "czechia", "česká"]),
    ("de", &["germany", "german", "deutschland", "deutsche", "deutscher"]),
    ("dk", &["denmark", "danish", "danmark", "dansk"]),
    ("do", &["dominican"]),
    ("ec", &["ecuador", "ecuadorian"]),
    ("ee", &["estonia", "estonian"]),
    ("eg", &["egypt", "egyptian"]),
    ("es", &["spain", "spanish", "españa", "español", "española"]),
    ("fi", &["finland", "finnish", "suomi"]),
    ("fr", &["france", "french", "français", "française"]),
    ("gr", &["greece", "greek", "hellenic", "ελλάδα"]),
    ("gt", &["guatemala", "guatemalan"]),
    ("hk", &["hong kong", "香港"]),
    ("hr", &["croatia", "croatian", "hrvatska"]),
    ("hu", &["hungary", "hungarian", "magyar"]),
    ("id", &["indonesia", "indonesian"]),
    ("ie", &["ireland", "irish"]),
    ("il", &["israel", "israeli"]),
    ("in", &["india", "indian"]),
    ("ir", &["iran", "iranian"]),
    ("is", &["iceland", "icelandic"]),
    ("it", &["italy", "italian", "italia", "italiano", "italiana"]),
    ("jp", &["japan", "japanese", "日本"]),
    ("ke", &["kenya", "kenyan"]),
    ("kr", &["korea", "korean", "한국"]),
    ("kw", &["kuwait", "kuwaiti"]),
    ("kz", &["kazakhstan", "kazakh"]),
    ("lt", &["lithuania", "lithuanian", "lietuva"]),
    ("lu", &["luxembourg", "luxembourgish", "luxemburg"]),
    ("lv", &["latvia", "latvian", "latvija"]),
    ("md", &["moldova", "moldovan"]),
    ("mt", &["malta", "maltese"]),
    ("mx", &["mexico", "mexican", "méxico", "mexicano"]),
    ("my", &["malaysia", "malaysian"]),
    ("ng", &["nigeria", "nigerian"]),
    ("nl", &["netherlands", "dutch", "nederland", "nederlands", "holland"]),
    ("no", &["norway", "norwegian", "norge", "norsk"]),
    ("nz", &["new zealand"]),
    ("pe", &["peru", "peruvian"]),
    ("ph", &["philippines", "philippine", "filipino"]),
    ("pk", &["pakistan", "pakistani"]),
    ("pl", &["poland", "polish", "polska", "polski"]),
    ("pt", &["portugal", "portuguese", "português"]),
    ("py", &["paraguay", "paraguayan"]),
    ("ro", &["romania", "romanian", "românia"]),
    ("rs", &["serbia", "serbian", "yugoslav"]),
    ("ru", &["russia", "russian", "россия"]),
    ("sa", &["saudi"]),
    ("se", &["sweden", "swedish", "sverige", "svensk"]),
    ("sg", &["singapore", "singaporean"]),
    ("si", &["slovenia", "slovenian", "slovenija"]),
    ("sk", &["slovakia", "slovak", "slovensko"]),
    ("th", &["thailand", "thai"]),
    ("tr", &["turkey", "turkish", "türkiye", "türk"]),
    ("tw", &["taiwan", "taiwanese"]),
    ("ua", &["ukraine", "ukrainian", "україна"]),
    ("uk", &["united kingdom", "british", "britain", "england", "english", "scotland", "scottish"]),
    ("us", &["united states", "american"]),
    ("uy", &["uruguay", "uruguayan"]),
    ("ve", &["venezuela", "venezuelan"]),
    ("vn", &["vietnam", "vietnamese", "việt nam"]),
    ("za", &["south africa", "south african"]),
];

/// Codes of countries that are words besides: only at the beginning of a name do they tell a country.
pub(super) const WORDS_TOO: &[&str] =
    &["at", "be", "by", "ch", "co", "de", "do", "es", "id", "il", "in", "is", "it", "me", "my", "no", "se", "us"];
