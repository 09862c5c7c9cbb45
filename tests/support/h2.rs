//! HTTP/2 frames written by hand, since no client sends what these tests send.

#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const CONTINUATION: u8 = 9;
/// The flag of a last frame of headers.
pub(crate) const END_HEADERS: u8 = 4;

/// What a client says first, with no settings of its own.
pub(crate) fn hello() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, b"")].concat()
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// HPACK: POST, http, and the rest as literals that are not indexed.
pub(crate) fn header_block(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend_from_slice(path.as_bytes());
    for (name, value) in [(":authority", "x"), ("content-type", "application/grpc"), ("te", "trailers")] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// What one goes on with after `hello()` to flood a server, round by round: each input of the list has its own.
pub(crate) mod floods {
    use super::{CONTINUATION, DATA, END_HEADERS, HEADERS, RST_STREAM, frame, header_block};

    /// Input 44: requests that are taken back at once.
    pub(crate) fn rapid_reset(path: &str, round: usize) -> Vec<u8> {
        let stream = u32::try_from(round).unwrap() * 2 + 1;
        let mut pair = frame(HEADERS, END_HEADERS, stream, &header_block(path));
        pair.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        pair
    }

    /// Input 45: headers that do not end.
    pub(crate) fn continuation(path: &str, round: usize) -> Vec<u8> {
        if round == 0 {
            return frame(HEADERS, 0, 1, &header_block(path));
        }
        let mut field = vec![0, 1, b'a', 0x7f, 0x81, 0x1f];
        field.extend_from_slice(&[b'x'; 4096]);
        frame(CONTINUATION, 0, 1, &field)
    }

    /// Input 46: a body of nothing that does not end.
    pub(crate) fn empty_data(path: &str, round: usize) -> Vec<u8> {
        if round == 0 { frame(HEADERS, END_HEADERS, 1, &header_block(path)) } else { frame(DATA, 0, 1, b"") }
    }
}
