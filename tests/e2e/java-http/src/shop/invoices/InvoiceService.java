package shop.invoices;

import java.util.List;
import java.util.Map;
import java.util.logging.Logger;

/** Totals of invoices. */
final class InvoiceService {
    private static final Logger LOG = Logger.getLogger(InvoiceService.class.getName());

    /** Amounts in cents, as the shop's tills sent them. */
    private static final Map<String, List<String>> LINES =
            Map.of("inv-1", List.of("1250", "300"), "inv-2", List.of("1250", "12,50"));

    int total(String invoice) {
        List<String> lines = LINES.get(invoice);
        LOG.info("invoice " + invoice + " has " + lines.size() + " lines");
        try {
            return lines.stream().mapToInt(this::cents).sum();
        } catch (NumberFormatException error) {
            throw new IllegalStateException("invoice " + invoice + " has no total", error);
        }
    }

    private int cents(String amount) {
        if (amount.contains(",")) {
            LOG.warning("amount " + amount + " is not in cents");
        }
        // The fault: one till sends euros, with a comma.
        return Integer.parseInt(amount);
    }
}
