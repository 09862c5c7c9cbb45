//! Connections that nobody means well with: inputs 44 to 53.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use casefile::model::Signal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

use super::Doors;
use super::bodies::PROTOBUF;
use super::grpc::path;
use crate::certificates::{Authority, Pair};
use crate::h2::{END_HEADERS, HEADERS, floods, frame, header_block, hello};
use crate::support::casefile::Home;
use crate::support::http;

/// More rounds than a server has patience for.
const ROUNDS: usize = 1_000_000;

/// What is sent to a path, round by round.
type Flood = fn(&str, usize) -> Vec<u8>;

/// 44 to 46: each ends its connection. Whoever is flooded would else be written to for ever.
pub(super) fn floods(port: u16) {
    let kinds: [(&str, Flood); 3] = [
        ("44 rapid reset", floods::rapid_reset),
        ("45 CONTINUATION flood", floods::continuation),
        ("46 empty DATA flood", floods::empty_data),
    ];
    for (name, flood) in kinds {
        eprintln!("{name}");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&hello()).unwrap();
        // What the server says is read, or it would wait for that.
        let mut reading = stream.try_clone().unwrap();
        let reader = std::thread::spawn(move || while let Ok(1..) = reading.read(&mut [0; 65536]) {});
        let rounds = (0..ROUNDS).take_while(|round| {
            stream.write_all(&flood(path(Signal::Traces), *round)).is_ok() && !reader.is_finished()
        });
        assert!(rounds.count() < ROUNDS, "{name} is not ended");
        reader.join().unwrap();
    }
}

/// Bodies that announce much and come slowly, heads that do not end, and peers that do not read: 47 to 49. Held until dropped.
pub(super) fn slow(http: u16, grpc: u16) -> Vec<TcpStream> {
    let mut held = Vec::new();
    let part = vec![b'x'; 4 << 20];
    let mut send = |port: u16, pieces: &[&[u8]]| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        // What is refused in the middle is no fault of the test's.
        let sent = pieces.iter().try_for_each(|piece| stream.write_all(piece));
        drop(sent);
        held.push(stream);
    };
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\n{}: {}\r\ncontent-length: {}\r\n\r\n",
        PROTOBUF.0,
        PROTOBUF.1,
        63 << 20
    );
    let asked = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for _ in 0..64 {
        send(http, &[b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-slow: "]);
        send(http, &[head.as_bytes(), &part]);
        send(http, &[&asked.repeat(1000)]);
        let begun = [
            hello(),
            frame(HEADERS, END_HEADERS, 1, &header_block(path(Signal::Traces))),
            // A message of 63 MiB is announced.
            frame(0, 0, 1, &[&[0][..], &(63_u32 << 20).to_be_bytes(), &part[..16_000]].concat()),
        ];
        send(grpc, &[&begun.concat(), &frame(0, 0, 1, &part[..16_000])]);
    }
    held
}

/// 50 to 53: who is not let in, and a header that names another tenant.
pub(super) fn strangers(doors: &Doors, authority: &Authority, home: &Home) {
    let mut garbage = TcpStream::connect(("127.0.0.1", doors.tls)).unwrap();
    let said = garbage.write_all(&b"not a handshake at all, and long enough to be seen\r\n".repeat(100));
    drop(said);
    let mut answer = Vec::new();
    // A reset is an end, too.
    drop(garbage.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"), "50 garbage at a TLS port");

    let good = authority.sign("client");
    assert!(is_let_in(doors.tls, authority, Some(&good)), "whom the authority knows");
    assert!(!is_let_in(doors.tls, authority, Some(&authority.sign_expired("client"))), "51 expired");
    assert!(!is_let_in(doors.tls, authority, Some(&Authority::new().sign("client"))), "51 of another authority");
    assert!(!is_let_in(doors.tls, authority, None), "51 none");

    let authorized = |headers: &[(&str, &str)]| {
        let headers = [&[PROTOBUF], headers].concat();
        http::post(doors.token, "/v1/traces", &headers, b"").unwrap().status
    };
    assert_eq!(authorized(&[("authorization", "Bearer of-a-test")]), 200);
    let refused: [&[(&str, &str)]; 4] = [
        &[("authorization", "Bearer of-a-tes")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer of-a-test"), ("authorization", "Bearer of-a-test")],
        &[],
    ];
    for headers in refused {
        assert_eq!(authorized(headers), 401, "52 {headers:?}");
    }
    // What a header says of tenants is not asked for: here is one alone.
    let forged = [PROTOBUF, ("x-scope-orgid", "acme"), ("x-tenant", "acme")];
    assert_eq!(http::post(home.http, "/v1/traces", &forged, b"").unwrap().status, 200, "53");
}

/// Whether a server of HTTP/2 answers a client with this certificate.
fn is_let_in(port: u16, authority: &Authority, client: Option<&Pair>) -> bool {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let mut config = match client {
        None => config.with_no_client_auth(),
        Some(pair) => {
            let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()];
            config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap()).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut connection = ClientConnection::new(Arc::new(config), ServerName::try_from("127.0.0.1").unwrap()).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut tls = Stream::new(&mut connection, &mut stream);
    // With TLS 1.3 a client learns that it is refused when it reads.
    let mut settings = [0; 9];
    tls.write_all(&hello()).is_ok() && tls.read_exact(&mut settings).is_ok()
}
