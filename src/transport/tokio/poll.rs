use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An asynchronous transport for the time of one poll, as one that would block.
pub(super) struct Polled<'a, 'w, T> {
    pub(super) transport: &'a mut T,
    pub(super) context: &'a mut Context<'w>,
}

fn would_block<R>(poll: Poll<io::Result<R>>) -> io::Result<R> {
    match poll {
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        // Nobody would wake the task after this one.
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(io::Error::other(error))
        }
        Poll::Ready(result) => result,
    }
}

impl<T: AsyncRead + Unpin> Read for Polled<'_, '_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        would_block(Pin::new(&mut *self.transport).poll_read(self.context, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl<T: AsyncWrite + Unpin> Write for Polled<'_, '_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        would_block(Pin::new(&mut *self.transport).poll_write(self.context, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        would_block(Pin::new(&mut *self.transport).poll_flush(self.context))
    }
}

impl<T: AsyncWrite + Unpin> Polled<'_, '_, T> {
    /// Writes from the front of `bytes`, which are shorter by that, until none are left.
    pub(super) fn write_all_of(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.write(bytes)?;
            match bytes.get(count..) {
                Some(rest) if count > 0 => *bytes = rest,
                _ => return Err(io::ErrorKind::WriteZero.into()),
            }
        }
        self.flush()
    }

    pub(super) fn shutdown(&mut self) -> io::Result<()> {
        would_block(Pin::new(&mut *self.transport).poll_shutdown(self.context))
    }
}

/// The half of a stream that a task polls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Half {
    Reader,
    Writer,
}

/// The tasks that wait for a stream's two halves.
///
/// A transport remembers one task for each direction, and here a reader may write (what waits to be
/// sent) and a writer may read (in a handshake): one half would take the other's place. So the
/// transport is given a waker that wakes both.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
}

impl Wakers {
    fn slot(&self, half: Half) -> &Mutex<Option<Waker>> {
        match half {
            Half::Reader => &self.reader,
            Half::Writer => &self.writer,
        }
    }

    /// This task waits for that half.
    pub(super) fn register(&self, half: Half, waker: &Waker) {
        let mut slot = self.slot(half).lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *slot {
            Some(registered) => registered.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
    }

    /// Wakes the task that waits for the half that is not `half`.
    pub(super) fn wake_other(&self, half: Half) {
        self.wake_half(match half {
            Half::Reader => Half::Writer,
            Half::Writer => Half::Reader,
        });
    }

    /// Nobody waits for that half any more.
    pub(super) fn forget(&self, half: Half) -> Option<Waker> {
        self.slot(half).lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn wake_half(&self, half: Half) {
        // The lock is free again when the task is woken.
        if let Some(waker) = self.forget(half) {
            waker.wake();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_half(Half::Reader);
        self.wake_half(Half::Writer);
    }
}
