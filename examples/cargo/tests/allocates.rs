#[global_allocator]
static GLOBAL: addon::Mimalloc = addon::Mimalloc;

#[test]
fn allocates() {
    assert!(addon::version() > 0);
    let text = std::thread::spawn(|| "mimalloc ".repeat(1000)).join().unwrap();
    assert!(addon::owns(text.as_ptr()));
    assert_eq!(text.len(), 9000);
}
