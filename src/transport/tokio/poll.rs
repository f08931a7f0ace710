//! Polling an asynchronous transport as one that returns `WouldBlock`, and the wakers for it.

use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::record::COPIED_AT_ONCE;
use crate::transport::reader_buffer::{ReaderBuffer, read_length};

/// An asynchronous transport during one poll: `Pending` is `WouldBlock`.
pub(super) struct Polled<'a, 'w, T> {
    pub(super) transport: &'a mut T,
    pub(super) context: &'a mut Context<'w>,
}

fn would_block<R>(poll: Poll<io::Result<R>>) -> io::Result<R> {
    match poll {
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        // No waker is registered for this one, so the task must not wait for it.
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

/// The buffer of a task that reads. None of its bytes is set to zero.
impl<T: AsyncRead + Unpin> ReaderBuffer<Polled<'_, '_, T>> for ReadBuf<'_> {
    fn room(&self) -> usize {
        self.remaining()
    }

    fn read_after(&mut self, before: &[u8], polled: &mut Polled<'_, '_, T>) -> io::Result<usize> {
        let start = self.filled().len();
        let length = read_length(self.remaining()) - before.len();
        self.put_slice(before);
        let start_of_read = self.filled().len();
        let read = if self.initialized().len() == self.capacity() {
            polled.read(self.initialize_unfilled_to(length))
        } else {
            // To read into a part of the buffer, that part would have to be set to zero before.
            let transport = Pin::new(&mut *polled.transport);
            let read = would_block(transport.poll_read(polled.context, self));
            read.map(|()| self.filled().len() - start_of_read)
        };
        // The reader gets none of these bytes before they are decrypted.
        self.set_filled(start);
        read
    }

    fn front(&mut self, length: usize) -> &mut [u8] {
        let start = self.filled().len();
        self.initialized_mut().get_mut(start..start + length).unwrap_or_default()
    }

    fn return_front(&mut self, length: usize) {
        self.advance(length);
    }

    fn return_copy_of(&mut self, data: &[u8]) -> usize {
        let count = data.len().min(self.remaining());
        for piece in data.get(..count).unwrap_or_default().chunks(COPIED_AT_ONCE) {
            self.put_slice(piece);
        }
        count
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
    /// Writes all of `bytes`, and removes from their front what was written.
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
/// A transport remembers one waker for each direction. Here the reader may write (outgoing bytes), and
/// the writer may read (in a handshake): one half would replace the waker of the other. So the
/// transport gets a waker that wakes both.
///
/// A half registers its waker only when it has to wait, because a lock costs more than what most polls
/// do. The transport may have called the waker before that. So it counts the calls, and a half that has
/// registered its waker looks whether there was one since it began.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    waiting: Mutex<Waiting>,
    calls: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting {
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Waiting {
    fn slot(&mut self, half: Half) -> &mut Option<Waker> {
        match half {
            Half::Reader => &mut self.reader,
            Half::Writer => &mut self.writer,
        }
    }
}

impl Wakers {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the transport has woken the stream.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Remembers the waker of the task that waits for this half.
    fn register(&self, half: Half, waker: &Waker) {
        let mut waiting = self.lock();
        match waiting.slot(half) {
            Some(registered) => registered.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }

    /// Removes the waker of this half.
    fn take(&self, half: Half) -> Option<Waker> {
        self.lock().slot(half).take()
    }

    /// Wakes the task that waits for the half that is not `half`.
    pub(super) fn wake_other(&self, half: Half) {
        let other = self.take(match half {
            Half::Reader => Half::Writer,
            Half::Writer => Half::Reader,
        });
        // The lock is released before the task is woken.
        if let Some(waker) = other {
            waker.wake();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let Waiting { reader, writer } = core::mem::take(&mut *self.lock());
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
    }
}

/// Which halves have registered a waker since they were last ready. Those that have not need no lock.
#[derive(Debug, Default)]
pub(super) struct Registered {
    reader: bool,
    writer: bool,
}

impl Registered {
    fn flag(&mut self, half: Half) -> &mut bool {
        match half {
            Half::Reader => &mut self.reader,
            Half::Writer => &mut self.writer,
        }
    }

    /// The task of this half waits.
    pub(super) fn register(&mut self, half: Half, waker: &Waker, wakers: &Wakers) {
        *self.flag(half) = true;
        wakers.register(half, waker);
    }

    /// The task of this half does not wait any more.
    pub(super) fn forget(&mut self, half: Half, wakers: &Wakers) {
        if core::mem::replace(self.flag(half), false) {
            wakers.take(half);
        }
    }
}
