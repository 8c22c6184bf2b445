//! [`Items`], decoded items that are dropped where an author's `Drop` does no harm, although it may block or panic. The
//! host, the queue and the workers hold items in it.

use std::{
    any::Any,
    collections::VecDeque,
    mem,
    ops::{Deref, DerefMut},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock, mpsc},
    thread,
};

use tokio::runtime::Handle;

/// A type with values of an author.
pub(crate) trait Discard: Send + 'static {
    /// Releases what others wait for, and runs no code of the author's.
    fn release(&mut self);

    /// Drops the author's values one by one, each by [`drop_caught`].
    fn discard(self);
}

/// The thread that drops the items of requests that no worker serves. It starts with the first such request.
pub(crate) struct Discards<T> {
    /// An author's values may need the runtime when they are dropped.
    handle: Handle,
    thread: OnceLock<Option<mpsc::Sender<VecDeque<T>>>>,
}

impl<T: Discard> Discards<T> {
    pub(super) fn new(handle: Handle) -> Arc<Self> {
        Arc::new(Discards { handle, thread: OnceLock::new() })
    }

    fn discard(&self, items: VecDeque<T>) {
        let thread = self.thread.get_or_init(|| {
            let (sender, discarded) = mpsc::channel();
            let handle = self.handle.clone();
            let run = move || {
                let _entered = handle.enter();
                discarded.into_iter().for_each(discard_each);
            };
            thread::Builder::new().name("chariot-drop".into()).spawn(run).is_ok().then_some(sender)
        });
        match thread {
            Some(thread) => {
                if let Err(mpsc::SendError(items)) = thread.send(items) {
                    discard_each(items);
                }
            }
            // The system has no more threads.
            None => discard_each(items),
        }
    }
}

/// Items of one request.
pub(crate) struct Items<T: Discard> {
    items: VecDeque<T>,
    /// `None` if the thread that drops the list drops the items: that of a worker.
    discards: Option<Arc<Discards<T>>>,
}

impl<T: Discard> Items<T> {
    /// Creates an empty list, whose items another thread drops.
    pub(super) fn new(discards: &Arc<Discards<T>>) -> Self {
        Items { items: VecDeque::new(), discards: Some(discards.clone()) }
    }

    /// Creates a list of items that a worker holds and drops.
    pub(super) fn on_worker(items: Vec<T>) -> Self {
        Items { items: items.into(), discards: None }
    }

    /// Returns all items, leaving none.
    pub(super) fn take(&mut self) -> Vec<T> {
        mem::take(&mut self.items).into()
    }
}

impl<T: Discard> Deref for Items<T> {
    type Target = VecDeque<T>;

    fn deref(&self) -> &VecDeque<T> {
        &self.items
    }
}

impl<T: Discard> DerefMut for Items<T> {
    fn deref_mut(&mut self) -> &mut VecDeque<T> {
        &mut self.items
    }
}

impl<T: Discard> Drop for Items<T> {
    fn drop(&mut self) {
        let mut items = mem::take(&mut self.items);
        items.iter_mut().for_each(Discard::release);
        match &self.discards {
            _ if items.is_empty() => {}
            Some(discards) => discards.discard(items),
            None => discard_each(items),
        }
    }
}

fn discard_each<T: Discard>(items: VecDeque<T>) {
    items.into_iter().for_each(Discard::discard);
}

/// Drops a value and survives a panic. Of two values that are dropped together, a second panic would end the process.
pub(super) fn drop_caught<T>(value: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        forget_panic(panic);
    }
}

/// Forgets the value of a panic: an author's code may have thrown it, and its own `Drop` may panic.
pub(super) fn forget_panic(panic: Box<dyn Any + Send>) {
    mem::forget(panic);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports the name of the thread that drops it, and panics.
    struct Panics(mpsc::Sender<Option<String>>);

    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.send(thread::current().name().map(str::to_string)).unwrap();
            panic!("on drop");
        }
    }

    impl Discard for Panics {
        fn release(&mut self) {}

        fn discard(self) {
            drop_caught(self);
        }
    }

    #[test]
    fn items_are_dropped_by_a_thread_of_their_own_which_survives_their_panics() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let discards = Discards::new(runtime.handle().clone());
        let (sender, dropped) = mpsc::channel();
        for _ in 0..2 {
            let mut items = Items::new(&discards);
            items.extend([Panics(sender.clone()), Panics(sender.clone())]);
            drop(items);
        }
        let deadline = std::time::Duration::from_secs(60);
        for _ in 0..4 {
            assert_eq!(dropped.recv_timeout(deadline).unwrap().as_deref(), Some("chariot-drop"));
        }
        drop(Items::on_worker(vec![Panics(sender.clone()), Panics(sender)]));
        let here = thread::current().name().map(str::to_string);
        assert_eq!([dropped.recv().unwrap(), dropped.recv().unwrap()], [here.clone(), here]);
    }
}
