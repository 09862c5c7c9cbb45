//! The phrases behind which messages of databases and their libraries quote values.

/// How the value stands behind its phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The phrase begins a statement.
    Statement,
    /// Columns and values: `email)=(x)`.
    Columns,
    /// Up to the bracket that closes, the last of its line.
    Parenthesis,
    /// Up to what stands behind the value, or the last quote of this kind on the line.
    Quoted(char, &'static str),
    /// As `Quoted`, and what stands behind `for key '` names the column.
    Entry,
    /// As `Quoted`, behind the first of these on the line.
    Behind(&'static str, char),
    /// The part of a statement near an error: a word of SQL stays.
    Near(char, &'static str),
    /// The account's name, up to this quote.
    Account(char),
    /// Literals up to the bracket that closes the one that ends the phrase.
    Bracket,
    /// As `Bracket`, behind the first `{` on the line.
    Braces,
    /// Literals up to the end of the line.
    Line,
    /// What stands behind `- [` on the line.
    Bound,
    /// Values with their types: `Ann(String), 3(Integer)`.
    Typed,
    /// Fields of a row up to the end of the line.
    Row,
    /// The rest of the line is a part of a statement.
    Source,
    /// Arguments of a method of a collection: `.find({…})`.
    Shell,
    /// A part of a document that a search engine is asked with.
    Search,
    /// The phrase begins a GraphQL document.
    GraphQl,
    /// The phrase names a store of keys and values: its commands stand behind it.
    Command,
}

use Shape as S;

/// Every phrase, in small letters.
#[rustfmt::skip]
pub(super) const PHRASES: &[(&str, Shape)] = &[
    // Statements.
    ("select ", S::Statement), ("select\n", S::Statement), ("select\t", S::Statement), ("select\r", S::Statement),
    ("insert into", S::Statement), ("insert ignore", S::Statement), ("insert or ", S::Statement), ("replace into", S::Statement),
    ("update ", S::Statement), ("update\n", S::Statement), ("delete from", S::Statement), ("merge into", S::Statement),
    ("values (", S::Statement), ("values(", S::Statement), ("create user", S::Statement), ("alter user", S::Statement),
    ("create role", S::Statement), ("alter role", S::Statement), ("exec ", S::Statement), ("call ", S::Statement),
    // PostgreSQL (https://www.postgresql.org/docs/current/error-style-guide.html, src/backend/po).
    ("key (", S::Columns),
    ("failing row contains (", S::Parenthesis),
    ("invalid input syntax for ", S::Behind(": \"", '"')),
    ("invalid input value for enum ", S::Behind(": \"", '"')),
    ("field value out of range: \"", S::Quoted('"', "")),
    ("invalid byte sequence for encoding ", S::Behind(": ", '\n')),
    ("unterminated quoted string at or near \"", S::Quoted('"', "")),
    ("syntax error at or near \"", S::Near('"', "\" at character")),
    ("authentication failed for user \"", S::Account('"')),
    ("parameters: $1 = ", S::Line),
    ("line 1: ", S::Source), ("line 2: ", S::Source), ("line 3: ", S::Source), ("line 4: ", S::Source), ("line 5: ", S::Source),
    // MySQL and MariaDB (https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html).
    ("duplicate entry '", S::Entry),
    ("right syntax to use near '", S::Near('\'', "' at line")),
    ("incorrect string value: '", S::Quoted('\'', "' for column")), ("incorrect integer value: '", S::Quoted('\'', "' for column")),
    ("incorrect decimal value: '", S::Quoted('\'', "' for column")), ("incorrect double value: '", S::Quoted('\'', "' for column")),
    ("incorrect float value: '", S::Quoted('\'', "' for column")), ("incorrect date value: '", S::Quoted('\'', "' for column")),
    ("incorrect time value: '", S::Quoted('\'', "' for column")), ("incorrect datetime value: '", S::Quoted('\'', "' for column")),
    ("incorrect timestamp value: '", S::Quoted('\'', "' for column")),
    ("truncated incorrect ", S::Behind(" value: '", '\'')),
    ("access denied for user '", S::Account('\'')),
    // SQL Server (https://learn.microsoft.com/en-us/sql/relational-databases/errors-events/database-engine-events-and-errors).
    ("the duplicate key value is (", S::Parenthesis),
    ("conversion failed when converting ", S::Behind(" value '", '\'')),
    ("the conversion of the ", S::Behind(" value '", '\'')),
    ("truncated value: '", S::Quoted('\'', "'.")),
    ("incorrect syntax near '", S::Near('\'', "'.")),
    ("after the character string '", S::Quoted('\'', "'.")),
    ("login failed for user '", S::Account('\'')),
    // Oracle (https://docs.oracle.com/en/error-help/db/), SQLite.
    ("row with column values (", S::Bracket),
    ("string value containing '", S::Quoted('\'', "' to")),
    ("unrecognized token: \"", S::Quoted('"', "")),
    // What libraries bind to a statement.
    ("[parameters: ", S::Bracket), ("[parameters=[", S::Bracket),
    ("with params [", S::Bracket), ("with params {", S::Bracket), ("with parameters [", S::Bracket), ("with parameters {", S::Bracket),
    ("with bindings [", S::Bracket), ("with bindings {", S::Bracket), ("bindings: [", S::Bracket), ("bound parameters: [", S::Bracket),
    ("; args=(", S::Bracket), ("; args=[", S::Bracket), ("query args: [", S::Bracket), ("args: [", S::Bracket),
    ("binding parameter ", S::Bound), ("extracted value ", S::Bound),
    ("==> parameters: ", S::Typed), ("<==        row: ", S::Row), ("<== row: ", S::Row),
    // MongoDB, Elasticsearch, Redis.
    ("e11000 duplicate key error", S::Braces),
    (".find(", S::Shell), (".findone(", S::Shell), (".findoneandupdate(", S::Shell), (".findoneanddelete(", S::Shell),
    (".findoneandreplace(", S::Shell), (".insert(", S::Shell), (".insertone(", S::Shell), (".insertmany(", S::Shell),
    (".update(", S::Shell), (".updateone(", S::Shell), (".updatemany(", S::Shell), (".replaceone(", S::Shell),
    (".deleteone(", S::Shell), (".deletemany(", S::Shell), (".aggregate(", S::Shell), (".countdocuments(", S::Shell),
    (".bulkwrite(", S::Shell), (".distinct(", S::Shell), (".find_one(", S::Shell), (".insert_one(", S::Shell),
    (".insert_many(", S::Shell), (".update_one(", S::Shell), (".update_many(", S::Shell), (".delete_one(", S::Shell),
    (".delete_many(", S::Shell), (".replace_one(", S::Shell), (".count_documents(", S::Shell),
    ("\"query\"", S::Search), ("\"filter\"", S::Search), ("filter: {", S::Search), ("\"$match\"", S::Search), ("\"$set\"", S::Search),
    ("\"_index\"", S::Search),
    ("preview of field's value: '", S::Quoted('\'', "")),
    ("redis", S::Command), ("valkey", S::Command), ("memcache", S::Command),
    // GraphQL (https://spec.graphql.org/October2021/#sec-Document).
    ("query {", S::GraphQl), ("query{", S::GraphQl), ("query(", S::GraphQl), ("query (", S::GraphQl),
    ("mutation", S::GraphQl), ("subscription {", S::GraphQl), ("subscription(", S::GraphQl),
];
