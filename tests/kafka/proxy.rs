//! A way to a server that can be shut.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// Passes bytes on, both ways. Its threads end with the process.
pub(crate) struct Proxy {
    port: u16,
    is_shut: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// To a port of this machine; open.
    pub(crate) fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_shut, connections) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (shut, open) = (Arc::clone(&is_shut), Arc::clone(&connections));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                // Dropped, which the client sees as a connection that is cut.
                let (Ok(client), false) = (client, shut.load(Ordering::Acquire)) else { continue };
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                open.lock().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                pass(client.try_clone().unwrap(), server.try_clone().unwrap());
                pass(server, client);
            }
        });
        Self { port, is_shut, connections }
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection, and takes no more.
    pub(crate) fn shut(&self) {
        self.is_shut.store(true, Ordering::Release);
        for connection in self.connections.lock().drain(..) {
            // Fails where it has ended by itself.
            drop(connection.shutdown(Shutdown::Both));
        }
    }

    /// Takes connections again.
    pub(crate) fn open(&self) {
        self.is_shut.store(false, Ordering::Release);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Both));
    });
}
