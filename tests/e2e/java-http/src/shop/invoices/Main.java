package shop.invoices;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Serves invoices. Says on which port it listens, and serves until its standard input ends; the agent then sends what it
 * has recorded.
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        server.setExecutor(threads);
        server.createContext("/invoices/", new InvoiceController());
        server.start();
        System.out.println("listening on " + server.getAddress().getPort());

        System.in.transferTo(OutputStream.nullOutputStream());
        server.stop(1);
        threads.shutdown();
    }
}
