//! [`DeviceFault`], the device errors among the errors of a model: the device is out of memory, or it is lost. Workers
//! classify every failed call.

use std::{error::Error as StdError, io};

/// An error of the device, not of the model.
///
/// The runtime recognizes the messages of CUDA and Metal, as candle reports them. A model that uses another library
/// returns this error itself:
///
/// ```
/// use chariot_engine::{Result, device::DeviceFault};
///
/// fn run(status: i32) -> Result<()> {
///     match status {
///         0 => Ok(()),
///         2 => Err(DeviceFault::OutOfMemory.into()),
///         _ => Err(DeviceFault::Lost.into()),
///     }
/// }
/// assert!(run(2).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceFault {
    /// The device has not enough memory for this call; another call may succeed. The request fails with 503.
    #[error("the device is out of memory")]
    OutOfMemory,
    /// No call will succeed on this device any more in this process. The engine is no longer ready, and the process exits
    /// unless the engine is embedded.
    #[error("the device is lost")]
    Lost,
}

/// The messages of CUDA and Metal for a lack of memory, in lower case.
const OUT_OF_MEMORY: &[&str] = &[
    "cuda_error_out_of_memory",
    "cudaerrormemoryallocation",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "curand_status_allocation_failed",
    "out of memory",
    "kiogpucommandbuffercallbackerroroutofmemory",
    "insufficient memory",
];

/// The messages of errors after which every call of the process on that device fails, in lower case: CUDA's "sticky"
/// errors, and Metal's counterparts.
const LOST: &[&str] = &[
    "cuda_error_illegal_address",
    "cuda_error_illegal_instruction",
    "cuda_error_misaligned_address",
    "cuda_error_invalid_address_space",
    "cuda_error_invalid_pc",
    "cuda_error_hardware_stack_error",
    "cuda_error_launch_failed",
    "cuda_error_launch_timeout",
    "cuda_error_assert",
    "cuda_error_ecc_uncorrectable",
    "cuda_error_nvlink_uncorrectable",
    "cuda_error_contained",
    "cuda_error_context_is_destroyed",
    "cuda_error_device_unavailable",
    "cuda_error_external_device",
    "cuda_error_mps_",
    "cuda_error_tensor_memory_leak",
    "illegal memory access",
    "device-side assert",
    "uncorrectable ecc error",
    "unspecified launch failure",
    "kiogpucommandbuffercallbackerrorgpurestart",
    "kiogpucommandbuffercallbackerrorblacklisted",
    "device removed",
];

/// Returns the device fault behind an error, if there is one: by its type, or by the messages of its chain.
pub(crate) fn classify(error: &(dyn StdError + 'static)) -> Option<DeviceFault> {
    let mut found = None;
    let mut cause = Some(error);
    while let Some(error) = cause {
        let fault = classify_one(error);
        // A call that runs out of memory can be the first to notice that the device is lost.
        if fault == Some(DeviceFault::Lost) {
            return fault;
        }
        found = found.or(fault);
        cause = error.source();
    }
    found
}

fn classify_one(error: &(dyn StdError + 'static)) -> Option<DeviceFault> {
    if let Some(fault) = error.downcast_ref() {
        return Some(*fault);
    }
    if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory) {
        return Some(DeviceFault::OutOfMemory);
    }
    let text = error.to_string().to_ascii_lowercase();
    let contains_any = |messages: &[&str]| messages.iter().any(|message| text.contains(message));
    if contains_any(LOST) {
        Some(DeviceFault::Lost)
    } else if contains_any(OUT_OF_MEMORY) {
        Some(DeviceFault::OutOfMemory)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[derive(Debug, thiserror::Error)]
    #[error("running the second block")]
    struct Wrapped(#[source] Box<dyn StdError + Send + Sync>);

    fn classified(text: &str) -> Option<DeviceFault> {
        let plain = classify(Error::from(text.to_string()).inner());
        let wrapped = classify(Error::from(Wrapped(text.into())).inner());
        assert_eq!(plain, wrapped, "{text}");
        plain
    }

    #[test]
    fn messages_of_drivers_are_classified() {
        for text in [
            "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")",
            "CublasError(CUBLAS_STATUS_ALLOC_FAILED)",
            "Caused GPU Out of Memory Error (kIOGPUCommandBufferCallbackErrorOutOfMemory)",
        ] {
            assert_eq!(classified(text), Some(DeviceFault::OutOfMemory), "{text}");
        }
        for text in [
            "DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, \"an illegal memory access was encountered\")",
            "DriverError(CUDA_ERROR_LAUNCH_FAILED, \"unspecified launch failure\")",
            "DriverError(CUDA_ERROR_ECC_UNCORRECTABLE, \"uncorrectable ECC error encountered\")",
            "out of memory, after an illegal memory access",
        ] {
            assert_eq!(classified(text), Some(DeviceFault::Lost), "{text}");
        }
        for text in [
            "shape mismatch in matmul, lhs: [1, 2], rhs: [3, 4]",
            "DriverError(CUDA_ERROR_INVALID_VALUE, \"invalid argument\")",
            "DriverError(CUDA_ERROR_NO_DEVICE, \"no CUDA-capable device is detected\")",
            "the device is busy",
        ] {
            assert_eq!(classified(text), None, "{text}");
        }
    }

    #[test]
    fn error_types_are_classified() {
        assert_eq!(classify(Error::from(DeviceFault::Lost).context("x").inner()), Some(DeviceFault::Lost));
        let wrapped = Error::from(Wrapped(Box::new(DeviceFault::OutOfMemory)));
        assert_eq!(classify(wrapped.inner()), Some(DeviceFault::OutOfMemory));
        let system = Error::from(io::Error::from(io::ErrorKind::OutOfMemory));
        assert_eq!(classify(system.inner()), Some(DeviceFault::OutOfMemory));
    }
}
