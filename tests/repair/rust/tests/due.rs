#[test]
fn an_invoice_is_due_within_its_month() {
    assert_eq!(terms::due("2025-07-01", 14), 15);
    assert_eq!(terms::due("2025-02-20", 14), 28);
}

#[test]
#[should_panic]
fn what_is_no_day_is_refused() {
    terms::due("soon", 14);
}
