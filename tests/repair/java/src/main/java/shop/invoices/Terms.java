package shop.invoices;

import java.time.LocalDate;

/** When invoices are due. */
public final class Terms {
    private Terms() {}

    /** The day on which an invoice of this day is due. */
    public static String due(String issued, int days) {
        return LocalDate.parse(issued).plusDays(days).toString();
    }
}
