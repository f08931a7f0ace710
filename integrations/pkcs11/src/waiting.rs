//! The signatures that wait for a thread, and which of them is made next.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::mpsc;
use std::time::Instant;

use handclasp::registry::SignatureScheme;

use crate::error::TokenError;

/// A signature to make.
pub(crate) struct Job {
    pub(crate) scheme: SignatureScheme,
    pub(crate) message: Vec<u8>,
    /// When the asker began to wait.
    pub(crate) asked: Instant,
    pub(crate) asker: Asker,
}

/// Who waits for a signature.
pub(crate) enum Asker {
    Thread(mpsc::SyncSender<Result<Vec<u8>, TokenError>>),
    #[cfg(feature = "tokio")]
    Task(tokio::sync::oneshot::Sender<Result<Vec<u8>, TokenError>>),
}

impl Job {
    pub(crate) fn finish(self, result: Result<Vec<u8>, TokenError>) {
        // The asker may have gone. It has the channel to itself, so this does not wait.
        match self.asker {
            Asker::Thread(asker) => drop(asker.send(result)),
            #[cfg(feature = "tokio")]
            Asker::Task(asker) => drop(asker.send(result)),
        }
    }

    /// Whether the asker is known to have gone.
    fn is_abandoned(&self) -> bool {
        match &self.asker {
            Asker::Thread(_) => false,
            #[cfg(feature = "tokio")]
            Asker::Task(asker) => asker.is_closed(),
        }
    }

    fn waited(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.asked)
    }
}

/// The signatures that wait, the oldest first.
pub(crate) struct Waiting {
    jobs: VecDeque<Job>,
    max_waiting: usize,
    timeout: Duration,
    /// How long the last signature took.
    last_signature: Duration,
}

impl Waiting {
    pub(crate) fn new(max_waiting: usize, timeout: Duration) -> Self {
        Self { jobs: VecDeque::new(), max_waiting, timeout, last_signature: Duration::ZERO }
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(crate) fn push(&mut self, job: Job, now: Instant) -> Result<(), TokenError> {
        if self.jobs.len() >= self.max_waiting {
            self.drop_late(now);
            self.jobs.retain(|job| !job.is_abandoned());
        }
        if self.jobs.len() >= self.max_waiting {
            return Err(TokenError::Busy(self.max_waiting));
        }
        self.jobs.push_back(job);
        Ok(())
    }

    /// Takes the signature that is made next: the oldest, as long as none waits for half of the timeout. After that,
    /// there is more to sign than the token can. In their order, all would be made too late. So the newest is next:
    /// those that can still be made in time are made, and the others time out.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Job> {
        self.drop_late(now);
        self.jobs.retain(|job| !job.is_abandoned());
        if self.jobs.front()?.waited(now) > self.timeout / 2 {
            self.jobs.pop_back()
        } else {
            self.jobs.pop_front()
        }
    }

    pub(crate) fn signature_took(&mut self, time: Duration) {
        self.last_signature = time;
    }

    /// Ends those that have less time left than a signature takes.
    fn drop_late(&mut self, now: Instant) {
        // A signature that has taken very long may have been an exception.
        let needed = self.last_signature.min(self.timeout / 2);
        let latest = self.timeout.saturating_sub(needed);
        while self.jobs.front().is_some_and(|oldest| oldest.waited(now) >= latest) {
            if let Some(late) = self.jobs.pop_front() {
                late.finish(Err(TokenError::Overloaded));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn job(asked: Instant) -> Job {
        let (asker, _) = mpsc::sync_channel(1);
        let scheme = SignatureScheme::ED25519;
        Job { scheme, message: Vec::new(), asked, asker: Asker::Thread(asker) }
    }

    #[test]
    fn a_token_that_is_slow_signs_for_clients_that_wait_for_half_of_the_timeout() {
        const ONE_ARRIVES_EACH: Duration = Duration::from_millis(1);
        const SIGNATURE: Duration = Duration::from_millis(10);
        const LENGTH: Duration = Duration::from_secs(30);
        let begin = Instant::now();
        let (mut now, mut arrival) = (begin, begin);
        let mut waiting = Waiting::new(1024, TIMEOUT);
        let (mut in_time, mut made) = (0, 0);
        while now < begin + LENGTH {
            while arrival <= now {
                let _ = waiting.push(job(arrival), arrival);
                arrival += ONE_ARRIVES_EACH;
            }
            let next = waiting.next(now).unwrap();
            now += SIGNATURE;
            waiting.signature_took(SIGNATURE);
            made += 1;
            if next.waited(now) <= TIMEOUT / 2 + SIGNATURE {
                in_time += 1;
            }
        }
        assert_eq!((made, in_time), (3000, 3000));
    }

    #[test]
    fn the_first_is_served_first_until_one_waits_for_half_of_the_timeout() {
        let begin = Instant::now();
        let mut waiting = Waiting::new(8, TIMEOUT);
        for second in 0..3 {
            let asked = begin + Duration::from_secs(second);
            waiting.push(job(asked), asked).unwrap();
        }
        let age = |job: Job| job.asked.duration_since(begin).as_secs();
        assert_eq!(waiting.next(begin + TIMEOUT / 2).map(age), Some(0));
        assert_eq!(waiting.next(begin + Duration::from_secs(4)).map(age), Some(2));
        assert_eq!(waiting.len(), 1);
    }

    #[test]
    fn a_signature_that_would_be_late_is_not_made_and_its_asker_learns_it() {
        let begin = Instant::now();
        let mut waiting = Waiting::new(1, TIMEOUT);
        let (asker, answer) = mpsc::sync_channel(1);
        let mut first = job(begin);
        first.asker = Asker::Thread(asker);
        waiting.push(first, begin).unwrap();
        waiting.signature_took(Duration::from_secs(1));
        assert_eq!(waiting.push(job(begin), begin), Err(TokenError::Busy(1)));
        let late = begin + Duration::from_secs(4);
        waiting.push(job(late), late).unwrap();
        assert_eq!(answer.try_recv(), Ok(Err(TokenError::Overloaded)));
        // After a signature that has taken longer than the timeout, others are still made.
        waiting.signature_took(2 * TIMEOUT);
        assert!(waiting.next(late).is_some());
    }
}
