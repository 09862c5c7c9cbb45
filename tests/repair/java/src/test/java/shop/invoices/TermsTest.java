package shop.invoices;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.format.DateTimeParseException;
import org.junit.jupiter.api.Test;

class TermsTest {
    @Test
    void anInvoiceIsDueAfterItsDays() {
        assertEquals("2025-07-15", Terms.due("2025-07-01", 14));
    }

    @Test
    void whatIsNoDayIsRefused() {
        assertThrows(DateTimeParseException.class, () -> Terms.due("soon", 14));
    }
}
