"""SQL statements in several dialects, whose literals are known: each is drawn, and so cannot stand there by chance."""

import random

WORDS = "zephyr quartz jubilee mangrove obelisk tundra vermilion walnut yarrow pelican saffron onyx".split()

# `{s}` is text inside quotes, `{n}` a whole number, `{d}` one with decimals, `{h}` hexadecimal digits, `{t}` a date and time.
STATEMENTS = [
    ("generic", "SELECT id, name FROM users WHERE email = '{s}@mail.example' AND age > {n}"),
    ("generic", "INSERT INTO orders (customer, total, note) VALUES ('{s}', {d}, 'it''s {s}')"),
    ("generic", "UPDATE accounts SET owner = '{s}', balance = balance - {d} WHERE id = {n}"),
    ("generic", "DELETE FROM sessions WHERE started < '{t}' OR id IN ({n}, {n}, {n})"),
    ("generic", "SELECT * FROM t WHERE a = -{n} AND b = +{d} AND c = {n}e5 AND name LIKE '%{s}%'"),
    ("generic", "SELECT CASE WHEN kind = '{s}' THEN {n} ELSE {n} END AS x FROM t LIMIT {n} OFFSET {n}"),
    ("generic", "SELECT a FROM t WHERE b BETWEEN {n} AND {n} -- was '{s}'"),
    ("generic", "SELECT a /* user {s} */ FROM t WHERE c = '{s}'"),
    ("generic", "INSERT INTO t VALUES ('{s}', '{s}', NULL, TRUE, {n}), ('{s}', '', NULL, FALSE, {n})"),
    ("generic", "select count(*) from orders o join users u on u.id=o.user_id where u.name='{s}'and o.n={n}"),
    ("generic", "MERGE INTO t USING (SELECT '{s}' AS k FROM dual) s ON (t.k = s.k) WHEN MATCHED THEN UPDATE SET v = {n}"),
    ("generic", "SELECT a FROM t WHERE name = '{s}\n{s}' AND day = DATE '{t}'"),
    ("generic", "ALTER USER app IDENTIFIED BY '{s}'"),
    ("generic", "SELECT * FROM t WHERE a = '{s}' ORDER BY CASE b WHEN {n} THEN 1 END"),
    ("cut", "SELECT * FROM users WHERE name = '{s} and then the statement was cut"),
    ("cut", "INSERT INTO notes (body) VALUES ('{s} {s}"),
    ("postgresql", "SELECT $${s}$$, $tag${s}$tag$, E'\\'{s}\\n', B'1011', X'{h}' FROM t"),
    ("postgresql", "SELECT data->>'{s}' FROM t WHERE data @> '{{\"k\": \"{s}\"}}'::jsonb AND ts > now() - interval '{n} days'"),
    ("postgresql", "SELECT '{s}'::text, ARRAY['{s}', '{s}'], {n}::bigint FROM t WHERE id = ANY('{{{n},{n}}}'::int[])"),
    ("postgresql", "COPY t FROM PROGRAM '{s}'"),
    ("postgresql", "SELECT U&'{s}', '{s}' '{s}' FROM t"),
    ("postgresql", "SET app.user = '{s}'; SELECT set_config('a.b', '{s}', false)"),
    ("mysql", 'SELECT * FROM `users` WHERE `name` = "{s}" AND note = \'{s}\\\'{s}\' AND f = 0x{h}'),
    ("mysql", "INSERT INTO t SET a='{s}', b=_utf8mb4'{s}', c=b'1010', d=x'{h}'"),
    ("mysql", "SELECT /*!40001 SQL_NO_CACHE */ * FROM t WHERE a = '{s}' # {s}"),
    ("mysql", 'INSERT INTO t (a) VALUES ("{s} ""{s}"" x")'),
    ("mssql", "SELECT TOP ({n}) [name] FROM [dbo].[users] WHERE [city] = N'{s}' AND [k] = 0x{h}"),
    ("mssql", "EXEC dbo.find_user @name = N'{s}', @age = {n}"),
    ("mssql", "DECLARE @x NVARCHAR(50) = N'{s}'; SELECT * FROM t WHERE a = @x"),
    ("oracle", "SELECT * FROM emp WHERE ename = q'[{s}'s]' AND hired = TO_DATE('{t}', 'YYYY-MM-DD') AND ROWNUM <= {n}"),
    ("oracle", "BEGIN pay(p_name => '{s}', p_amount => {d}); END;"),
    ("sqlite", "INSERT OR REPLACE INTO kv(k, v) VALUES('{s}', x'{h}') ON CONFLICT DO NOTHING"),
    ("snowflake", "COPY INTO t FROM @stage CREDENTIALS=(AWS_KEY_ID='{s}' AWS_SECRET_KEY='{s}') FILE_FORMAT=(TYPE=CSV)"),
    ("bigquery", 'SELECT r"{s}", """{s} {s}""", b\'{s}\' FROM `p.d.t` WHERE x = {d}'),
    ("cassandra", "INSERT INTO users (id, tags) VALUES ({n}, {{'{s}': '{s}', 'k': '{s}'}}) USING TTL {n}"),
    ("clickhouse", "SELECT * FROM t WHERE has(['{s}', '{s}'], x) AND d > {d} FORMAT JSON"),
]  # fmt: skip


def generate(count, seed):
    """(dialect, statement, its literals) `count` times, the statements in turn."""
    rng = random.Random(f"{seed}/sql")
    return [(dialect, *drawn(template, rng)) for dialect, template in (STATEMENTS[at % len(STATEMENTS)] for at in range(count))]


def drawn(template, rng):
    literals = []

    def literal(kind):
        match kind:
            case "s":
                value = f"{rng.choice(WORDS).title()} {rng.choice(WORDS)}{rng.randint(100, 999)}"
            case "n":
                value = str(rng.randint(100_003, 9_999_999))
            case "d":
                value = f"{rng.randint(1003, 99999)}.{rng.randint(11, 99)}"
            case "h":
                value = f"{rng.getrandbits(64):016x}"
            case "t":
                value = f"20{rng.randint(10, 39)}-0{rng.randint(1, 9)}-{rng.randint(11, 28)}"
        literals.append(value)
        return value

    text, at = "", 0
    while at < len(template):
        if template.startswith(("{{", "}}"), at):
            text, at = text + template[at], at + 2
        elif template[at] == "{":
            text, at = text + literal(template[at + 1]), at + 3
        else:
            text, at = text + template[at], at + 1
    return text, literals
