//! The product of two matrices that lie in slices. `linear` and `attention` call it. This is the only `unsafe` of the
//! room: `gemm` takes pointers, and all it reads and writes is checked here before.
#![allow(unsafe_code)]

use gemm::{Parallelism, gemm};

/// A matrix within a slice: the element (row, column) is at `row * strides[0] + column * strides[1]`.
pub(super) struct Matrix<'a> {
    pub(super) values: &'a [f32],
    pub(super) strides: [usize; 2],
}

/// Writes `scale * a * b` to `out`, or adds it to what is there if `add` is set.
///
/// `a` is `[m, k]`, `b` is `[k, n]`. `out` is `[m, n]`, its rows are `out_stride` apart.
///
/// # Panics
///
/// Panics if a matrix does not lie within its slice, or if rows of `out` overlap.
pub(super) fn product(
    [m, n, k]: [usize; 3],
    (out, out_stride): (&mut [f32], usize),
    add: bool,
    scale: f32,
    a: &Matrix<'_>,
    b: &Matrix<'_>,
    threads: usize,
) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(m == 1 || out_stride >= n, "rows of {n} numbers overlap at a distance of {out_stride}");
    assert!(lies_within([m, n], [out_stride, 1], out.len()), "the result does not lie within its slice");
    if k == 0 {
        if !add {
            out.chunks_mut(out_stride.max(1)).take(m).for_each(|row| row[..n].fill(0.0));
        }
        return;
    }
    assert!(lies_within([m, k], a.strides, a.values.len()), "the left matrix does not lie within its slice");
    assert!(lies_within([k, n], b.strides, b.values.len()), "the right matrix does not lie within its slice");
    let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
    let ([a_row, a_column], [b_row, b_column]) = (a.strides.map(signed), b.strides.map(signed));
    // SAFETY: all elements of the three matrices lie within their slices, as asserted above, and all of `out` is
    // initialised. No two elements of `out` are in one place, so threads never write to the same one, and `out` is
    // borrowed alone, so nothing of it is in `a` or `b`. The type is one that `gemm` has.
    unsafe {
        gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            signed(out_stride),
            add,
            a.values.as_ptr(),
            a_column,
            a_row,
            b.values.as_ptr(),
            b_column,
            b_row,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Returns whether the last element of a matrix lies before the end of its slice. Sizes are not 0.
fn lies_within([rows, columns]: [usize; 2], [row, column]: [usize; 2], length: usize) -> bool {
    let last = (rows - 1).checked_mul(row).zip((columns - 1).checked_mul(column)).and_then(|(a, b)| a.checked_add(b));
    last.is_some_and(|last| last < length)
}

/// A stride that is longer than any slice belongs to a dimension of size 1, and is never taken.
fn signed(stride: usize) -> isize {
    isize::try_from(stride).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sizes: [usize; 3], out: (&mut [f32], usize), a: (&[f32], [usize; 2]), b: (&[f32], [usize; 2])) {
        let matrix = |(values, strides)| Matrix { values, strides };
        product(sizes, out, false, 1.0, &matrix(a), &matrix(b), 1);
    }

    #[test]
    fn rows_of_the_result_lie_apart() {
        let mut out = [9.0; 5];
        run([2, 2, 2], (&mut out, 3), (&[1.0, 2.0, 3.0, 4.0], [2, 1]), (&[1.0, 1.0, 0.0, 1.0], [1, 2]));
        assert_eq!(out, [3.0, 2.0, 9.0, 7.0, 4.0]);
        // Without terms, a sum is 0.
        run([2, 2, 0], (&mut out, 3), (&[], [0, 1]), (&[], [2, 1]));
        assert_eq!(out, [0.0, 0.0, 9.0, 0.0, 0.0]);
    }

    #[test]
    fn matrices_beyond_their_slices_are_refused() {
        let four = [0.0; 4];
        let fails = |sizes, stride, a_strides, b_strides| {
            std::panic::catch_unwind(|| {
                run(sizes, (&mut [0.0; 4], stride), (&four, a_strides), (&four, b_strides));
            })
            .is_err()
        };
        assert!(!fails([2, 2, 2], 2, [2, 1], [2, 1]));
        assert!(fails([2, 2, 2], 3, [2, 1], [2, 1]), "the result is too long");
        assert!(fails([2, 2, 2], 1, [2, 1], [2, 1]), "rows overlap");
        assert!(fails([2, 2, 2], 2, [3, 1], [2, 1]), "the left one is too long");
        assert!(fails([2, 2, 2], 2, [2, 1], [2, 2]), "the right one is too long");
        assert!(fails([2, 2, 2], 2, [usize::MAX, 1], [2, 1]), "the end is beyond every number");
    }
}
