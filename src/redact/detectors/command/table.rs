//! The commands whose short options carry credentials. Source: each command's manual.

/// A command, and its options that carry a credential.
#[derive(Debug)]
pub(super) struct Command {
    /// Its name and those of its kin.
    pub(super) names: &'static [&'static str],
    /// The options count only behind this word: `docker login -p`, but not `docker run -p`.
    pub(super) behind: Option<&'static str>,
    /// Options of a password: in the next argument, or joined.
    pub(super) secrets: &'static [&'static str],
    /// Options of a password that is joined, or is not there: `mysql -p` asks for it.
    pub(super) joined: &'static [&'static str],
    /// Options of a user and a password with a colon (`%` in Samba's) between them.
    pub(super) pairs: &'static [&'static str],
}

const NONE: Command = Command { names: &[], behind: None, secrets: &[], joined: &[], pairs: &[] };

pub(super) const COMMANDS: &[Command] = &[
    Command { names: &["curl"], pairs: &["-u", "-U", "--user", "--proxy-user"], ..NONE },
    Command {
        names: &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlcheck",
            "mysqlshow",
            "mysqlbinlog",
            "mysqlsh",
        ],
        joined: &["-p"],
        ..NONE
    },
    Command {
        names: &["mariadb", "mariadb-dump", "mariadb-admin", "mariadb-import", "mariadb-check", "mariadb-show"],
        joined: &["-p"],
        ..NONE
    },
    Command { names: &["sshpass"], secrets: &["-p"], ..NONE },
    Command { names: &["redis-cli", "valkey-cli"], secrets: &["-a"], ..NONE },
    Command {
        names: &[
            "mongo",
            "mongosh",
            "mongodump",
            "mongorestore",
            "mongoexport",
            "mongoimport",
            "mongostat",
            "mongotop",
        ],
        secrets: &["-p"],
        ..NONE
    },
    Command {
        names: &["docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "az", "cf", "oc", "faas-cli"],
        behind: Some("login"),
        secrets: &["-p"],
        ..NONE
    },
    Command { names: &["twine"], behind: Some("upload"), secrets: &["-p"], ..NONE },
    Command { names: &["sqlcmd", "bcp", "ipmitool", "zip", "unzip"], secrets: &["-P"], ..NONE },
    Command {
        names: &["ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldapwhoami", "ldapcompare"],
        secrets: &["-w"],
        ..NONE
    },
    Command { names: &["ldappasswd"], secrets: &["-w", "-a", "-s"], ..NONE },
    Command { names: &["7z", "7za", "unrar"], joined: &["-p"], ..NONE },
    Command { names: &["smbclient", "rpcclient", "smbget", "net"], pairs: &["-U"], ..NONE },
    Command { names: &["http", "https", "xh"], pairs: &["-a"], ..NONE },
    Command { names: &["rabbitmqadmin"], secrets: &["-p"], ..NONE },
    Command {
        names: &["snmpget", "snmpwalk", "snmpset", "snmpbulkwalk", "snmptrap", "snmpgetnext"],
        secrets: &["-A", "-X", "-c"],
        ..NONE
    },
    Command { names: &["openssl"], secrets: &["-passin", "-passout", "-pass"], ..NONE },
];

/// The command of this name, with or without its folder.
pub(super) fn of(path: &str) -> Option<&'static Command> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    COMMANDS.iter().find(|command| command.names.contains(&name))
}
