//! The division of an output among the threads of rayon's current pool. The operations of this room call it.

use rayon::prelude::*;

/// Outputs of less work than this, in additions or so, are made by one thread: handing out parts takes longer.
const WORTHWHILE: usize = 1 << 18;

/// Returns the number of threads of the current pool: of the worker's own, in an engine.
pub(super) fn threads() -> usize {
    rayon::current_num_threads()
}

/// Returns whether `parts` pieces, of `work` additions or so in all, are divided among threads.
pub(super) fn pays(parts: usize, work: usize) -> bool {
    parts > 1 && work >= WORTHWHILE && threads() > 1
}

/// Calls `make` with each piece of `size` numbers of an output and with its index, and with scratch memory that the
/// pieces of a thread share.
pub(super) fn for_each<T: Default>(
    out: &mut [f32],
    size: usize,
    work: usize,
    make: impl Fn(usize, &mut [f32], &mut T) + Sync,
) {
    if size == 0 {
        return;
    }
    if pays(out.len() / size, work) {
        let pieces = out.par_chunks_mut(size).enumerate();
        pieces.for_each_init(T::default, |scratch, (index, piece)| make(index, piece, scratch));
    } else {
        let mut scratch = T::default();
        out.chunks_mut(size).enumerate().for_each(|(index, piece)| make(index, piece, &mut scratch));
    }
}

/// Runs jobs, of `work` additions or so in all, with scratch memory that the jobs of a thread share.
pub(super) fn for_jobs<J: Send, T: Default>(jobs: Vec<J>, work: usize, run: impl Fn(J, &mut T) + Sync) {
    if pays(jobs.len(), work) {
        jobs.into_par_iter().for_each_init(T::default, |scratch, job| run(job, scratch));
    } else {
        let mut scratch = T::default();
        jobs.into_iter().for_each(|job| run(job, &mut scratch));
    }
}

/// Divides an output of whole rows into as many blocks as there are threads, or one, and calls `make` with the number of
/// the first row of each block and with the block. An element takes `work` additions or so.
pub(super) fn for_blocks(out: &mut [f32], width: usize, work: usize, make: impl Fn(usize, &mut [f32]) + Sync) {
    if width == 0 {
        return;
    }
    let rows = out.len() / width;
    let work = out.len().saturating_mul(work);
    let in_block = if pays(rows, work) { rows.div_ceil(threads()) } else { rows };
    for_each(out, (in_block * width).max(1), work, |index, block, _: &mut ()| make(index * in_block, block));
}
