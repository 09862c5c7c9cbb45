//! Words of SQL.

/// The word that a text begins with.
pub(super) fn word(text: &str) -> &str {
    let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '$' | '#');
    text.get(..text.find(|char: char| !is_part(char)).unwrap_or(text.len())).unwrap_or_default()
}

pub(super) fn opens_list(rest: &str) -> bool {
    rest.starts_with(|char: char| matches!(char, '[' | '"' | '\'' | ' ') || char.is_ascii_digit())
}

/// Whether a statement whose beginning is `head` goes on behind the line break that `rest` begins with.
pub(super) fn goes_on(head: &str, rest: &str) -> bool {
    let line = rest.trim_start();
    let is_blank_between = rest.get(..rest.len() - line.len()).unwrap_or_default().matches('\n').count() > 1;
    let head = head.trim_end();
    let last = head.rsplit(|char: char| !char.is_alphanumeric()).next().unwrap_or_default();
    !is_blank_between
        && (is_keyword(word(line))
            || line.starts_with(['(', ')', ',', '|', '*', '\'', '`', '"'])
            || ["= ", "< ", "> ", "<> ", "!= "].iter().any(|operator| line.starts_with(operator))
            || line.starts_with("--")
            || line.starts_with("/*")
            || head.ends_with([',', '(', '=', '<', '>', '|', '*', '+', '-', '/'])
            || is_keyword(last))
}

/// Words of SQL that are not the names of something.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "ALL", "AND", "ANY", "AS", "ASC", "BEGIN", "BETWEEN", "BY", "CASE", "CAST", "COLLATE", "COMMIT", "CONFLICT", "CONSTRAINT",
    "CROSS", "CURRENT", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "DATE", "DEFAULT", "DELETE", "DESC", "DISTINCT",
    "DO", "DUPLICATE", "ELSE", "END", "ESCAPE", "EXCEPT", "EXISTS", "FALSE", "FETCH", "FIRST", "FOLLOWING", "FOR", "FROM", "FULL",
    "GROUP", "HAVING", "IDENTIFIED", "ILIKE", "IN", "INNER", "INSERT", "INTERSECT", "INTERVAL", "INTO", "IS", "ISNULL", "JOIN",
    "KEY", "LAST", "LATERAL", "LEFT", "LIKE", "LIMIT", "LOCKED", "MATCHED", "MERGE", "NATURAL", "NEXT", "NOT", "NOTHING",
    "NOTNULL", "NULL", "NULLS", "OFFSET", "ON", "ONLY", "OR", "ORDER", "OUTER", "OVER", "PARTITION", "PASSWORD", "PRECEDING",
    "RECURSIVE", "REGEXP", "RETURNING", "RIGHT", "RLIKE", "ROW", "ROWS", "SELECT", "SET", "SHARE", "SIMILAR", "SKIP", "THEN",
    "TIME", "TIMESTAMP", "TO", "TOP", "TRUE", "UNION", "UNIQUE", "UNKNOWN", "UPDATE", "USING", "VALUE", "VALUES", "WHEN", "WHERE",
    "WINDOW", "WITH",
];

pub(crate) fn is_keyword(word: &str) -> bool {
    let upper = |byte: &u8| byte.to_ascii_uppercase();
    KEYWORDS.binary_search_by(|keyword| keyword.bytes().cmp(word.as_bytes().iter().map(upper))).is_ok()
}

/// Functions that take texts.
#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "AES_DECRYPT", "AES_ENCRYPT", "COALESCE", "CONCAT", "CONCAT_WS", "CONVERT", "DATE_FORMAT", "FIND_IN_SET", "FROM_BASE64", "HEX",
    "IF", "IFNULL", "INSTR", "LCASE", "LEFT", "LENGTH", "LOCATE", "LOWER", "LPAD", "MD5", "NULLIF", "NVL", "PASSWORD", "POSITION",
    "REPLACE", "RIGHT", "RPAD", "SHA1", "SHA2", "SOUNDEX", "STRCMP", "STR_TO_DATE", "SUBSTR", "SUBSTRING", "TO_BASE64", "TO_DATE",
    "TO_TIMESTAMP", "TRIM", "UCASE", "UNHEX", "UPPER",
];

/// Whether a text ends with the name of a function that takes texts.
pub(super) fn ends_with_function(text: &str) -> bool {
    let name = text.rsplit(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).next().unwrap_or_default();
    FUNCTIONS.iter().any(|function| name.eq_ignore_ascii_case(function))
}

/// Whether a text ends with a word behind which the name of a table stands.
pub(super) fn ends_before_table(text: &str) -> bool {
    let text = text.trim_end();
    let word = text.rsplit(|char: char| !char.is_ascii_alphanumeric()).next().unwrap_or_default();
    ["FROM", "INTO", "JOIN", "TABLE", "UPDATE", "EXISTS", "ON"].iter().any(|before| word.eq_ignore_ascii_case(before))
        || text.ends_with(['.', '[', ',', '('])
}
