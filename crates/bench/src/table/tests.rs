use super::short;

#[test]
fn numbers_keep_three_digits() {
    let cases = [(0.0, "0.00"), (81.97, "82.0"), (999.7, "1000"), (9_994.0, "9994"), (9_996.0, "10.0k")];
    for (value, text) in cases {
        assert_eq!(short(value), text, "{value}");
    }
    assert_eq!([short(12_345.0), short(999_600.0), short(2_510_000.0)], ["12.3k", "1.00M", "2.51M"]);
}
