//! Ports for the servers of the tests.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeSet;
use std::net::TcpListener;

use parking_lot::Mutex;

/// The ports of 10,000 to 32,000 that this process has given out.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// As many ports as asked for, each as [`free_port`] gives it.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| free_port())
}

/// A port that nobody listens on. None is given out twice, and they lie below those that a system gives to connections: a server
/// that was stopped, or has yet to be started, finds its own free.
pub(crate) fn free_port() -> u16 {
    let mut given = GIVEN.lock();
    loop {
        let mut random = [0; 2];
        getrandom::fill(&mut random).unwrap();
        let port = 10_000 + u16::from_be_bytes(random) % 22_000;
        if given.insert(port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
