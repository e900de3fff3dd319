use super::extent;

#[test]
fn an_extent_ends_at_the_last_byte_that_is_not_zero_however_far_it_is() {
    let dir = std::env::temp_dir().join(format!("annals-bench-extent-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("below")).unwrap();
    let mut far = vec![0_u8; 3 << 20];
    (far[100], far[(2 << 20) + 7]) = (1, 1);
    std::fs::write(dir.join("far"), far).unwrap();
    std::fs::write(dir.join("below/one"), [0, 9, 0]).unwrap();
    std::fs::write(dir.join("zeros"), [0; 5000]).unwrap();
    let sum = extent(&dir);
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(sum.unwrap(), ((2 << 20) + 7 - 100 + 1) + 1);
}
