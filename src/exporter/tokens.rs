//! Counting the tokens of documents, on threads of its own: each thread that counts keeps what it has seen, more than a megabyte, so they
//! are few, and not those that work with stores.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};
use std::thread;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::bundle::{read_table, tokens};

/// Documents that wait.
const WAITING: usize = 64;

/// A document, and who waits for its tokens.
type Asked = (Bytes, oneshot::Sender<Option<u64>>);

static COUNTERS: LazyLock<mpsc::Sender<Asked>> = LazyLock::new(begin);

/// Has the threads begin, and read what they need: that takes 30 MB for a moment, better before windows fill than beside them.
pub(crate) fn begin_counting_tokens() {
    LazyLock::force(&COUNTERS);
}

/// Counts the tokens of a document where it keeps no other task waiting. `None` if that failed: no bundle is lost for a number.
pub(super) async fn count(document: Bytes) -> Option<u64> {
    let (answer, counted) = oneshot::channel();
    COUNTERS.send((document, answer)).await.ok()?;
    counted.await.ok()?
}

/// One thread for each two cores: counting is a small part of what a bundle takes.
fn begin() -> mpsc::Sender<Asked> {
    let (sender, asked) = mpsc::channel(WAITING);
    let asked = Arc::new(Mutex::new(asked));
    for _ in 0..thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2) {
        let asked = Arc::clone(&asked);
        // If none can be made, nobody receives, and documents are without a count.
        if let Err(error) = thread::Builder::new().name("tokens".to_owned()).spawn(move || serve(&asked)) {
            tracing::error!(%error, "no thread to count tokens");
        }
    }
    sender
}

fn serve(asked: &Mutex<mpsc::Receiver<Asked>>) {
    read_table();
    #[cfg(not(fuzzing))]
    crate::give_back();
    // The lock is held while one waits: then the others wait for it.
    let next = || asked.lock().blocking_recv();
    while let Some((document, answer)) = next() {
        let counted = catch_unwind(AssertUnwindSafe(|| tokens(&document)));
        if counted.is_err() {
            tracing::error!("the tokens of a document could not be counted");
        }
        // Whoever asked may have given up.
        answer.send(counted.ok().flatten()).map_or_else(drop, drop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_documents_are_counted_at_once_and_each_gets_its_own_number() {
        let document = |words: usize| Bytes::from("word ".repeat(words));
        let asked = (1..200_usize).map(|words| async move { (words, count(document(words)).await) });
        for (words, counted) in futures::future::join_all(asked).await {
            assert_eq!(counted, tokens(&document(words)), "{words}");
        }
    }
}
