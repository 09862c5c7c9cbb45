import java.io.IOException;
import java.util.Arrays;

/**
 * A broker that ends with the test that started it, however that one ends: it lives as long as its standard input is open. It
 * formats its folder itself, which saves a JVM's start.
 */
final class Broker {
  private Broker() {}

  /** Takes the cluster's folder, the file with the broker's properties, and what StorageTool's format takes beside it. */
  public static void main(String[] arguments) {
    String[] format = new String[arguments.length + 2];
    format[0] = "format";
    format[1] = "--ignore-formatted";
    format[2] = "--config";
    System.arraycopy(arguments, 1, format, 3, arguments.length - 1);
    int status = kafka.tools.StorageTool.execute(format, System.out);
    if (status != 0) {
      Runtime.getRuntime().halt(status);
    }
    Thread watch = new Thread(() -> watch(arguments[0]), "watch");
    watch.setDaemon(true);
    watch.start();
    kafka.Kafka.main(Arrays.copyOfRange(arguments, 1, 2));
  }

  /** A byte on standard input asks for an orderly end. Where it is closed, nobody is left to remove the folder either. */
  private static void watch(String folder) {
    try {
      if (System.in.read() >= 0) {
        System.exit(0);
      }
      new ProcessBuilder("sh", "-c", "sleep 1; exec rm -rf -- \"$0\"", folder).start();
    } catch (IOException error) {
      System.out.println(error);
    }
    Runtime.getRuntime().halt(1);
  }
}
