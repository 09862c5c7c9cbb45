package shop.invoices;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import io.opentelemetry.api.trace.Span;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.logging.Level;
import java.util.logging.Logger;

/** GET /invoices/ID: the total of an invoice. */
final class InvoiceController implements HttpHandler {
    private static final Logger LOG = Logger.getLogger(InvoiceController.class.getName());

    private final InvoiceService service = new InvoiceService();

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        exchange.getResponseHeaders().set("X-Trace-Id", Span.current().getSpanContext().getTraceId());
        int status = 200;
        String body;
        try {
            body = get(exchange);
        } catch (RuntimeException error) {
            LOG.log(Level.SEVERE, "request failed", error);
            status = 500;
            body = "internal error";
        }
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, bytes.length);
        try (var stream = exchange.getResponseBody()) {
            stream.write(bytes);
        }
    }

    private String get(HttpExchange exchange) {
        String path = exchange.getRequestURI().getPath();
        String invoice = path.substring(path.lastIndexOf('/') + 1);
        Span.current().setAttribute("app.invoice", invoice);
        return Integer.toString(service.total(invoice));
    }
}
