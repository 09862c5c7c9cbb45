//! Kafka's command-line tools, as people call them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Puts `kafka-topics.sh`, `kafka-consumer-groups.sh`, `kafka-console-consumer.sh` and `kafka-acls.sh` into a folder.
pub(crate) fn install(folder: &Path) {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/kafka/lib");
    for (name, class) in [
        ("kafka-topics.sh", "TopicCommand"),
        ("kafka-consumer-groups.sh", "consumer.group.ConsumerGroupCommand"),
        ("kafka-console-consumer.sh", "consumer.ConsoleConsumer"),
        ("kafka-acls.sh", "AclCommand"),
    ] {
        let script = format!(
            "#!/bin/sh\nexec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '{}/*' org.apache.kafka.tools.{class} \"$@\"\n",
            lib.display()
        );
        let path = folder.join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}
