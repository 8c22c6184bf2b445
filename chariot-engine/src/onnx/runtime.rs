//! ONNX Runtime: sessions of a file, and their runs. `model` calls it.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    ep,
    logging::LogLevel,
    session::{Session, SessionInputValue},
    value::{DynValue, Shape, Tensor, TensorRef},
};

use super::{
    file::OnnxFile,
    input::{OnnxInput, Values},
    library::{self, failed},
    options::OnnxOptions,
    ports::{Length, Port},
    program::{Program, Run},
    weights::SharedWeights,
};
use crate::{
    device::DeviceId,
    error::{Error, Expected, Result, quoted},
    protocol::{DataType, TensorData},
};

/// The number of sessions from which shared weights take less memory: they are in memory twice, while a session by itself
/// drops what it has packed.
const SHARING: usize = 3;

/// Loads a file.
///
/// # Errors
/// Returns an error if the library is missing, if it refuses the file, or if it lacks a provider for the device.
pub(super) fn load(path: &Path, file: OnnxFile, options: &OnnxOptions) -> Result<Box<dyn Program>> {
    let device = options.device.id();
    if let DeviceId::Metal(_) = device {
        return Err(Error::from(Expected::new("a CPU or a CUDA device for ONNX Runtime", device).to_string()));
    }
    let environment = library::environment(options.library.as_deref())?;
    let mut loaded = Loaded {
        environment,
        path: path.to_owned(),
        threads: options.threads,
        device,
        weights: None,
        inputs: file.inputs,
        outputs: file.outputs,
        ready: Mutex::new(None),
    };
    if options.sessions >= SHARING && device == DeviceId::Cpu {
        loaded.weights = Some(SharedWeights::read(&file.model, path)?);
    }
    drop(file.model);
    loaded.ready = Mutex::new(Some(loaded.open()?));
    Ok(Box::new(loaded))
}

struct Loaded {
    environment: Environment,
    path: PathBuf,
    threads: usize,
    device: DeviceId,
    weights: Option<SharedWeights>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// The session with which the file was checked, until somebody takes it.
    ready: Mutex<Option<Session>>,
}

impl Loaded {
    fn open(&self) -> Result<Session> {
        let builder = Session::builder(&self.environment).map_err(failed)?;
        let builder = builder.with_intra_threads(self.threads).map_err(failed)?;
        let builder = builder.with_inter_threads(1).map_err(failed)?;
        // Threads that wait for work in a loop take the cores of other workers.
        let builder = builder.with_intra_op_spinning(false).map_err(failed)?;
        let builder = builder.with_inter_op_spinning(false).map_err(failed)?;
        // A pattern of memory is kept for each shape of the inputs, for as long as the session lives: callers choose them.
        let varies = |port: &Port| {
            port.shape.as_ref().is_none_or(|shape| shape.iter().any(|length| !matches!(length, Length::Fixed(_))))
        };
        let builder = builder.with_memory_pattern(!self.inputs.iter().any(varies)).map_err(failed)?;
        let mut builder = builder.with_log_level(LogLevel::Warning).map_err(failed)?;
        if let Some(weights) = &self.weights {
            builder = weights.add_to(builder)?;
        }
        if let DeviceId::Cuda(index) = self.device {
            let index = i32::try_from(index)?;
            // By default the model would silently run on the CPU.
            let provider = ep::CUDA::default().with_device_id(index).build().error_on_failure();
            builder = builder
                .with_execution_providers([provider])
                .map_err(|error| failed(error).context(format!("ONNX Runtime cannot compute on {}", self.device)))?;
        }
        builder.commit_from_file(&self.path).map_err(failed)
    }
}

impl Program for Loaded {
    fn session(&self) -> Result<Box<dyn Run>> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        let session = ready.map_or_else(|| self.open(), Ok)?;
        Ok(Box::new(OfWorker { session, inputs: self.inputs.clone(), outputs: self.outputs.clone() }))
    }
}

struct OfWorker {
    session: Session,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

impl Run for OfWorker {
    fn run(&mut self, inputs: &[&OnnxInput<'_>]) -> Result<Vec<(Vec<usize>, TensorData)>> {
        let mut given = Vec::with_capacity(inputs.len());
        for (port, input) in self.inputs.iter().zip(inputs) {
            let value = value(input).map_err(|error| error.at(format!("input {}", quoted(&port.name))))?;
            given.push((Cow::Borrowed(port.name.as_str()), value));
        }
        let computed = self.session.run(given).map_err(failed)?;
        let read = |port: &Port| {
            let missing = || Error::from(Expected::new("an output of the file", "none").to_string());
            let output = computed.get(&port.name).ok_or_else(missing).and_then(|value| output(value, port.datatype));
            output.map_err(|error| error.at(format!("output {}", quoted(&port.name))))
        };
        self.outputs.iter().map(read).collect()
    }
}

macro_rules! types {
    ($($variant:ident $type:ty,)*) => {
        /// Refers to the numbers of an input where they are. Strings are copied.
        fn value<'a>(input: &'a OnnxInput<'_>) -> Result<SessionInputValue<'a>> {
            let value = match input.values() {
                $(Values::$variant(values) => {
                    TensorRef::<$type>::from_array_view((input.shape(), *values)).map(SessionInputValue::from)
                })*
                Values::Bytes(strings) => {
                    Tensor::<String>::from_string_array((input.shape(), &**strings)).map(SessionInputValue::from)
                }
            };
            value.map_err(failed)
        }

        fn output(value: &DynValue, datatype: DataType) -> Result<(Vec<usize>, TensorData)> {
            match datatype {
                $(DataType::$variant => {
                    let (shape, values) = value.try_extract_tensor::<$type>().map_err(failed)?;
                    Ok((lengths(shape)?, values.to_vec().into()))
                })*
                DataType::Bytes => {
                    let (shape, strings) = value.try_extract_strings().map_err(failed)?;
                    Ok((lengths(shape)?, strings.into()))
                }
            }
        }
    };
}
types! {
    Bool bool,
    Uint8 u8,
    Uint16 u16,
    Uint32 u32,
    Uint64 u64,
    Int8 i8,
    Int16 i16,
    Int32 i32,
    Int64 i64,
    Fp16 half::f16,
    Bf16 half::bf16,
    Fp32 f32,
    Fp64 f64,
}

fn lengths(shape: &Shape) -> Result<Vec<usize>> {
    shape.iter().map(|length| Ok(usize::try_from(*length)?)).collect()
}
