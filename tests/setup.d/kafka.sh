# Sourced by tests/setup: the Kafka broker of tests/kafka, from Maven's repository, each jar under the checksum that stands
# there, and the class that starts it.

need javac default-jdk-headless
need mvn maven
# broker FOLDER: the jars in FOLDER/lib, the class in FOLDER/classes.
broker() {
  jars "$1" -DincludeScope=runtime
  javac -Xlint:all -Werror --release 17 -cp "$1/lib/*" -d "$1/classes" Broker.java
}
toolchain=$(javac -version)
built kafka tests/support/kafka/broker broker "$cache/kafka"
