//! Statements, parameters, rows and keys that messages quote.

use super::redactor;

/// A message and what becomes of it.
fn assert_all(cases: &[(&str, &str)]) {
    let redactor = redactor();
    let token = |class: &str| match class {
        "NAME" => redactor.text(r#"{"first_name": "Ann"}"#).replace(r#"{"first_name": ""#, "").replace("\"}", ""),
        _ => redactor.text(r#"{"login": "ann"}"#).replace(r#"{"login": ""#, "").replace("\"}", ""),
    };
    let (name, user) = (token("NAME"), token("USER"));
    for (message, expected) in cases {
        let out = redactor.text(message);
        let expected = expected.replace('¤', "[withheld]").replace("NAME", &name).replace("USER", &user);
        assert_eq!(out, expected, "{message}");
        assert_eq!(redactor.text(&out), out, "{message}");
    }
}

#[test]
fn a_table_called_like_an_article_is_one_where_the_grammar_is_certain() {
    assert_all(&[
        ("SELECT x FROM a WHERE y = 'Rome'", "SELECT x FROM a WHERE y = '¤'"),
        ("select * from it where y like 'Rome%'", "select * from it where y like '¤'"),
        ("update all set x = 'Rome'", "update all set x = '¤'"),
        ("insert into a values ('Rome')", "insert into a values ('¤')"),
        ("select the items from the list where it says 'Rome'", "select the items from the list where it says 'Rome'"),
        ("please update the set of x", "please update the set of x"),
    ]);
}

#[test]
fn errors_keep_tables_columns_and_keys_and_lose_values() {
    assert_all(&[
        ("DETAIL:  Key (first_name)=(Ann) already exists.", "DETAIL:  Key (first_name)=(NAME) already exists."),
        (
            "Key (first_name, org)=(Ann, acme) is not present in table \"t\".",
            "Key (first_name, org)=(NAME, ¤) is not present in table \"t\".",
        ),
        ("Key (lower(x::text))=(a (b), c) conflicts with", "Key (lower(x::text))=(¤) conflicts with"),
        ("Failing row contains (1, Ann (x), null).", "Failing row contains (¤)."),
        ("invalid input syntax for type integer: \"Ann\"", "invalid input syntax for type integer: \"¤\""),
        (
            "LINE 1: ...RE town = 'Rome' AND x = 5\n               ^",
            "LINE 1: ...RE town = '¤' AND x = ¤\n               ^",
        ),
        ("Duplicate entry 'Ann' for key 'users.first_name'", "Duplicate entry 'NAME' for key 'users.first_name'"),
        ("Duplicate entry 'it's-3' for key 'uk_2' in x:3", "Duplicate entry '¤' for key 'uk_2' in x:3"),
        ("right syntax to use near 'Brien' AND x = 'A'' at line 1", "right syntax to use near '¤' at line 1"),
        ("right syntax to use near 'FROM' at line 1", "right syntax to use near 'FROM' at line 1"),
        (
            "Incorrect date value: '1.2.' for column 'born' at row 1",
            "Incorrect date value: '¤' for column 'born' at row 1",
        ),
        (
            "Access denied for user 'ann'@'db' (using password: YES)",
            "Access denied for user 'USER'@'db' (using password: YES)",
        ),
        ("The duplicate key value is (Ann, lee).", "The duplicate key value is (¤)."),
        (
            "Conversion failed when converting the varchar value 'Ann' to data type int.",
            "Conversion failed when converting the varchar value '¤' to data type int.",
        ),
        (
            "E11000 duplicate key error collection: shop.users index: first_1 dup key: { first_name: \"Ann\", n: 3 }",
            "E11000 duplicate key error collection: shop.users index: first_1 dup key: { first_name: \"NAME\", n: ¤ }",
        ),
    ]);
}

#[test]
fn statements_in_messages_lose_their_literals() {
    assert_all(&[
        (
            "bad SQL grammar [SELECT * FROM users WHERE town = 'Rome' AND n = 42]; nested exception",
            "bad SQL grammar [SELECT * FROM users WHERE town = '¤' AND n = ¤]; nested exception",
        ),
        (
            "could not execute statement [insert into users (a,b) values ('x1','y')]; constraint [users.uk]",
            "could not execute statement [insert into users (a,b) values ('¤','¤')]; constraint [users.uk]",
        ),
        (
            "{\"query\":\"SELECT * FROM users WHERE a = 'x1' AND \\\"town\\\" = 'Rome'\",\"took\":35}",
            "{\"query\":\"SELECT * FROM users WHERE a = '¤' AND \\\"town\\\" = '¤'\",\"took\":35}",
        ),
        (
            "SELECT * FROM users WHERE id = 5 failed after 3 attempts",
            "SELECT * FROM users WHERE id = ¤ failed after 3 attempts",
        ),
        (
            "ERROR SELECT a FROM t WHERE id = 5\nINFO done 7 rows",
            "ERROR SELECT a FROM t WHERE id = ¤\nINFO done 7 rows",
        ),
        (
            "select u.a from users u where u.town='Rome' and u.x in (1,2)",
            "select u.a from users u where u.town='¤' and u.x in (¤,¤)",
        ),
        (
            "UPDATE users SET a = 'x1', age=37 WHERE id = 4 RETURNING id",
            "UPDATE users SET a = '¤', age=¤ WHERE id = ¤ RETURNING id",
        ),
        ("WHERE: SELECT a FROM t WHERE n = 'O'Brien', x", "WHERE: SELECT a FROM t WHERE n = ¤"),
        ("'SELECT a FROM t WHERE b = ''x1'' AND c = 3' near", "'SELECT a FROM t WHERE b = '¤' AND c = ¤' near"),
        (
            "SQL: insert into `users` (`a`, `b`) values (Ann Lee, x1, 2024-01-01 10:00:00))",
            "SQL: insert into `users` (`a`, `b`) values (¤, ¤, ¤))",
        ),
        (
            "insert into `u` (`e`) values ('x1') - Duplicate entry 'x1' for key 'u.e'",
            "insert into `u` (`e`) values ('¤') - Duplicate entry '¤' for key 'u.e'",
        ),
    ]);
}

#[test]
fn what_is_bound_to_a_statement_goes() {
    assert_all(&[
        (
            "[SQL: SELECT a \nFROM t \nWHERE t.first_name = %(n)s]\n[parameters: {'first_name': 'Ann', 'town': 'Rome', 'n': 3}]",
            "[SQL: SELECT a \nFROM t \nWHERE t.first_name = %(n)s]\n[parameters: {'first_name': 'NAME', 'town': '¤', 'n': ¤}]",
        ),
        ("[parameters: ('x1', None, 3)]\n(Background: 7)", "[parameters: ('¤', None, ¤)]\n(Background: 7)"),
        ("binding parameter [1] as [VARCHAR] - [Ann]", "binding parameter [1] as [VARCHAR] - [¤]"),
        ("binding parameter (1:VARCHAR) <- [a [b]]", "binding parameter (1:VARCHAR) <- [¤]"),
        ("==> Parameters: Ann Lee(String), 3(Integer)", "==> Parameters: ¤(String), ¤(Integer)"),
        (
            "(0.4ms)  SELECT \"t\".* FROM \"t\" WHERE \"t\".\"town\" = $1 LIMIT $2  [[\"town\", \"Rome\"], [\"LIMIT\", 1]]",
            "(0.4ms)  SELECT \"t\".* FROM \"t\" WHERE \"t\".\"town\" = $1 LIMIT $2  [[\"town\", \"¤\"], [\"LIMIT\", ¤]]",
        ),
        (
            "[parameters=[@p0='x1', @p1='3'], CommandTimeout='30']",
            "[parameters=[@p0='¤', @p1='¤'], CommandTimeout='30']",
        ),
    ]);
}

#[test]
fn statements_of_other_stores_lose_their_literals() {
    assert_all(&[
        (
            "db.users.find({town: 'Rome', age: {$gt: 30}}).limit(5)",
            "db.users.find({town: '¤', age: {$gt: ¤}}).limit(5)",
        ),
        (
            "POST /u/_search {\"query\":{\"match\":{\"a\":\"x1\"}}} is 400",
            "POST /u/_search {\"query\":{\"match\":{\"a\":\"¤\"}}} is 400",
        ),
        (
            "{\"index\":{\"_index\":\"users\",\"_id\":\"1\"}}\n{\"a\":\"x1\"}",
            "{\"index\":{\"_index\":\"users\",\"_id\":\"¤\"}}\n{\"a\":\"¤\"}",
        ),
        ("redis: SET user:1 x1 EX 60: i/o timeout", "redis: SET ¤ ¤ ¤ ¤: i/o timeout"),
        // What stands for the key ends the command as the key did.
        ("redis GET user:1: i/o timeout", "redis GET ¤: i/o timeout"),
        (
            "in query { user(town: \"Rome\", id: 42) { id name } } at 3",
            "in query { user(town: \"¤\", id: ¤) { id name } } at 3",
        ),
        (
            "mutation Add { add(input: {firstName: \"Ann\", town: \"Rome\"}) { id } }",
            "mutation Add { add(input: {firstName: \"NAME\", town: \"¤\"}) { id } }",
        ),
    ]);
}

#[test]
fn sentences_with_words_of_databases_stay() {
    let redactor = redactor();
    for text in [
        "please select the items from the list where price > 5",
        "Please select 5 items from list 'abc'",
        "update the settings set earlier to 'x' = 3",
        "delete from the list where 3 is left",
        "Redis GET failed for key 17",
        "call 911 (3 times)",
        "call me (3 times)",
        "the key (3 of 5) is missing",
        "values (5) out of range 7",
        "$('#a').find('.b').update(3)",
        "mutation of 3 genes {x: 1}",
    ] {
        let expected = text.replace("values (5)", "values ([withheld])");
        assert_eq!(redactor.text(text), expected);
    }
}
