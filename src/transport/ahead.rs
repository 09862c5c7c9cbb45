//! Reads far ahead of what asks: HTTP/2 wants a frame at a time, and each call of the system costs as much as some kilobytes.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// Most bytes that are read at once: two frames of gRPC for Go, and little enough to stay in the cache nearest to a core. More gained
/// nothing.
const AHEAD: usize = 32 * 1024;

thread_local! {
    /// Room for the next connection of this thread that has something to read.
    static ROOM: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// The reading half of a stream, read in large pieces. It has room for them only while there is something in it: thousands of connections
/// that wait have none (tokio's `BufReader` keeps its own), and those that are busy share what stays in the cache.
#[derive(Debug)]
pub(super) struct ReadAhead<S> {
    stream: S,
    room: Box<[u8]>,
    /// The part of the room that has been read and not been asked for.
    from: usize,
    to: usize,
}

impl<S> ReadAhead<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, room: Box::default(), from: 0, to: 0 }
    }

    /// Hands out what has been read, as far as it fits, and lets go of the room when nothing is left in it.
    fn hand_out(&mut self, buffer: &mut ReadBuf<'_>) {
        let read = self.room.get(self.from..self.to).unwrap_or_default();
        let part = read.get(..buffer.remaining()).unwrap_or(read);
        buffer.put_slice(part);
        self.from += part.len();
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
            ROOM.set(Some(std::mem::take(&mut self.room)));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut answer = Poll::Ready(Ok(()));
        if this.from == this.to {
            if buffer.remaining() >= AHEAD {
                return Pin::new(&mut this.stream).poll_read(context, buffer);
            }
            this.room = ROOM.take().unwrap_or_else(|| vec![0; AHEAD].into_boxed_slice());
            let mut ahead = ReadBuf::new(&mut this.room);
            answer = Pin::new(&mut this.stream).poll_read(context, &mut ahead);
            // None, where the stream has to wait or has failed.
            this.to = ahead.filled().len();
        }
        this.hand_out(buffer);
        answer
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What is read in pieces of any size is what was written, and a connection that has handed out all holds nothing.
    #[tokio::test]
    async fn nothing_is_lost_between_reads_of_any_size() {
        let sent: Vec<u8> = (0..3 * AHEAD + 7).map(|index| (index % 251) as u8).collect();
        for size in [1, 1000, AHEAD - 1, AHEAD, AHEAD + 1, 2 * AHEAD] {
            let (mut near, far) = tokio::io::duplex(2 * AHEAD);
            let mut far = ReadAhead::new(far);
            let write = async {
                near.write_all(&sent).await.unwrap();
                drop(near);
            };
            let read = async {
                let (mut got, mut piece) = (Vec::new(), vec![0; size]);
                loop {
                    let count = far.read(&mut piece).await.unwrap();
                    if count == 0 {
                        return got;
                    }
                    got.extend_from_slice(&piece[..count]);
                }
            };
            let ((), got) = tokio::join!(write, read);
            assert!(got == sent, "pieces of {size}");
            assert!(far.room.is_empty());
        }
    }

    /// A connection that waits has no room: there may be thousands.
    #[tokio::test]
    async fn who_waits_holds_nothing() {
        let (mut near, far) = tokio::io::duplex(64);
        let mut far = ReadAhead::new(far);
        let mut piece = [0; 3];
        let waits = std::future::poll_fn(|context| {
            let mut buffer = ReadBuf::new(&mut piece);
            Poll::Ready(Pin::new(&mut far).poll_read(context, &mut buffer).is_pending())
        });
        assert!(waits.await && far.room.is_empty());
        near.write_all(b"abcd").await.unwrap();
        far.read_exact(&mut piece).await.unwrap();
        assert!(piece == *b"abc" && far.room.len() == AHEAD, "one byte is still there");
        assert_eq!(far.read(&mut piece).await.unwrap(), 1);
        assert!(piece[0] == b'd' && far.room.is_empty());
    }
}
