//! [`Onnx`], a file that was opened and checked, and [`OnnxSession`], what a worker runs. An author's model holds both.

use std::{fmt, path::Path, sync::Arc};

use super::{
    backend::OnnxBackend,
    file::{self, OnnxFile},
    input::OnnxInput,
    options::OnnxOptions,
    ports::Port,
    program::{Program, Run},
    signature,
};
use crate::{
    error::{Error, Result, quoted},
    input::Tensors,
    signature::{Signature, TensorSpec},
};

/// An ONNX file that was opened and checked, shared by all workers. Clones refer to the same file.
///
/// The file, and files with its external data, must not change while it is open.
///
/// Memory: sessions of [tract](OnnxBackend::Tract) share the weights. Each session of
/// [ONNX Runtime](OnnxBackend::OnnxRuntime) has weights of its own, unless [`OnnxOptions::sessions`] says that there will
/// be several.
///
/// ```no_run
/// use chariot_engine::{input::Tensors, onnx::{Onnx, OnnxOptions}};
/// # fn run() -> chariot_engine::Result<()> {
/// let onnx = Onnx::open("model.onnx".as_ref(), &OnnxOptions::new().threads(2))?;
/// let mut session = onnx.session()?;
///
/// let mut inputs = Tensors::default();
/// inputs.push("x", [1, 4], vec![0.1_f32, 0.2, 0.3, 0.4]);
/// let outputs = session.run(&inputs)?;
/// let (shape, scores) = outputs.get("y").unwrap();
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Onnx {
    opened: Arc<Opened>,
}

struct Opened {
    backend: OnnxBackend,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    properties: Vec<(String, String)>,
    /// The declaration of inputs, and that of outputs.
    declarations: [Vec<TensorSpec>; 2],
    program: Box<dyn Program>,
}

impl Onnx {
    /// Opens and checks a file. The file may refer to files with external data in its own folder.
    ///
    /// # Errors
    /// Returns an error that names the file if
    /// - it is not a complete ONNX file, or refers to files outside of its folder;
    /// - an input or an output is not a tensor, or has a data type that the protocol or the backend lacks;
    /// - the options set or limit a length of an input that the file lacks, or that has another length there;
    /// - the backend is not built in, cannot be loaded, lacks an operator, or cannot compute on the device.
    pub fn open(path: &Path, options: &OnnxOptions) -> Result<Self> {
        let backend = choose(options)?;
        let named = |error: Error| error.context(file_name(path));
        let mut file = OnnxFile::read(path).map_err(named)?;
        for (input, shape) in &options.shapes {
            signature::set_lengths(&mut file.inputs, input, shape).map_err(named)?;
        }
        for (input, most) in &options.max_shapes {
            signature::set_limits(&mut file.inputs, input, most).map_err(named)?;
        }
        let (inputs, outputs) = (file.inputs.clone(), file.outputs.clone());
        let properties = std::mem::take(&mut file.properties);
        let program = load(backend, path, file, options).map_err(named)?;
        let declarations = signature::declarations(&inputs, &outputs);
        Ok(Onnx { opened: Arc::new(Opened { backend, inputs, outputs, properties, declarations, program }) })
    }

    /// Returns the inputs as the file declares them, or nothing if the file does not say how many dimensions each has.
    ///
    /// A length that is fixed in the file is [`Fixed`](crate::model::Dim::Fixed). If all inputs begin with the same
    /// length that varies, by its name or without one, that is the [`Batch`](crate::model::Dim::Batch). Other lengths
    /// that vary are [`Any`](crate::model::Dim::Any). Inputs that have a value in the file are not among them.
    pub fn inputs(&self) -> &[TensorSpec] {
        &self.opened.declarations[0]
    }

    /// Returns the outputs as the file declares them, or nothing if the file does not say how many dimensions each has.
    ///
    /// The first length of an output is the [`Batch`](crate::model::Dim::Batch) if it has the name with which all inputs
    /// begin, or no name either.
    pub fn outputs(&self) -> &[TensorSpec] {
        &self.opened.declarations[1]
    }

    /// Returns the inputs and the outputs of the file, for [`Model::signature`](crate::model::Model::signature).
    pub fn signature(&self) -> Signature {
        Signature::new(self.inputs().to_vec(), self.outputs().to_vec())
    }

    /// Returns a property that the program that wrote the file has added to it: one of ONNX's `metadata_props`. Exporters of
    /// detectors write the names of the classes there, for one.
    pub fn property(&self, key: &str) -> Option<&str> {
        value_of(&self.opened.properties, key)
    }

    /// Reads a property of a file, as [`property`](Self::property) returns it, without opening the model.
    ///
    /// # Errors
    /// Returns an error that names the file if it cannot be read, or is no ONNX file.
    ///
    /// ```no_run
    /// use chariot_engine::onnx::Onnx;
    ///
    /// let names = Onnx::read_property("yolo.onnx".as_ref(), "names")?;
    /// # Ok::<(), chariot_engine::Error>(())
    /// ```
    pub fn read_property(path: &Path, key: &str) -> Result<Option<String>> {
        let properties = file::read_properties(path).map_err(|error| error.context(file_name(path)))?;
        Ok(value_of(&properties, key).map(str::to_owned))
    }

    /// Returns the name of the operator that computes the values of an output, such as `Softmax`: the last one but those
    /// that change only the type or the shape. Returns `None` if the file has no such output, or if no operator computes it.
    pub fn operator(&self, output: &str) -> Option<&str> {
        self.opened.outputs.iter().find(|port| port.name == output)?.operator.as_deref()
    }

    /// Returns the program that runs the file.
    pub fn backend(&self) -> OnnxBackend {
        self.opened.backend
    }

    /// Makes a session. Each worker has one of its own.
    ///
    /// # Errors
    /// Returns an error if the backend fails, such as for lack of memory.
    pub fn session(&self) -> Result<OnnxSession> {
        Ok(OnnxSession { opened: self.opened.clone(), run: self.opened.program.session()? })
    }
}

impl fmt::Debug for Onnx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [inputs, outputs] = &self.opened.declarations;
        let backend = self.backend();
        f.debug_struct("Onnx").field("backend", &backend).field("inputs", inputs).field("outputs", outputs).finish()
    }
}

/// Returns the name of a file for a message.
fn file_name(path: &Path) -> String {
    quoted(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

fn value_of<'a>(properties: &'a [(String, String)], key: &str) -> Option<&'a str> {
    properties.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// Returns the backend of a file: the wanted one, or the first that is built in and there.
///
/// # Errors
/// Returns an error if the wanted one is not built in.
fn choose(options: &OnnxOptions) -> Result<OnnxBackend> {
    #[cfg(all(feature = "onnx", feature = "onnx-tract"))]
    if options.backend.is_none()
        && let Some(why) = super::library::missing(options.library.as_deref())
    {
        tracing::info!("tract runs the model: {why}");
        return Ok(OnnxBackend::Tract);
    }
    OnnxBackend::choose(options.backend)
}

/// Loads a file with a backend, which drops the contents of the file as soon as it can: they may be gigabytes.
fn load(backend: OnnxBackend, path: &Path, file: OnnxFile, options: &OnnxOptions) -> Result<Box<dyn Program>> {
    match backend {
        #[cfg(feature = "onnx")]
        OnnxBackend::OnnxRuntime => super::runtime::load(path, file, options),
        #[cfg(feature = "onnx-tract")]
        OnnxBackend::Tract => super::tract::load(path, file, options),
        #[cfg(not(all(feature = "onnx", feature = "onnx-tract")))]
        other => {
            let _ = (path, file, options);
            Err(Error::from(format!("the backend {other} is not built in")))
        }
    }
}

/// A session of an ONNX file: what one worker runs.
///
/// ```no_run
/// use chariot_engine::onnx::{Onnx, OnnxInput, OnnxOptions};
/// # fn run() -> chariot_engine::Result<()> {
/// let onnx = Onnx::open("detector.onnx".as_ref(), &OnnxOptions::new())?;
/// let mut session = onnx.session()?;
///
/// let pixels = vec![0.5_f32; 3 * 64 * 64];
/// let outputs = session.run_with(&[("images", OnnxInput::new(&[1, 3, 64, 64], &pixels))])?;
/// # Ok(()) }
/// ```
pub struct OnnxSession {
    opened: Arc<Opened>,
    run: Box<dyn Run>,
}

impl OnnxSession {
    /// Runs the model on the named tensors of a request, in any order, and returns its outputs in the order of the file.
    ///
    /// # Errors
    /// Returns a rejection that names the input if one is missing, unknown, given twice, or has another data type or shape
    /// than the file declares; also if strings are not UTF-8. Returns the error of the backend if the run fails.
    pub fn run(&mut self, inputs: &Tensors) -> Result<Tensors> {
        let rejected = |error: Error| Error::rejected(error);
        let borrowed = inputs.iter().map(|(name, shape, data)| {
            let input = OnnxInput::from_data(shape, data);
            Ok((name, input.map_err(|error| rejected(error.at(format!("input {}", quoted(name)))))?))
        });
        let borrowed = borrowed.collect::<Result<Vec<_>>>()?;
        let opened = self.opened.clone();
        self.run_in_order(&signature::in_order(&opened.inputs, &borrowed).map_err(rejected)?)
    }

    /// Runs the model on borrowed tensors. ONNX Runtime reads numbers where they are; tract copies them.
    ///
    /// # Errors
    /// Returns an error that names the input if one is missing, unknown, given twice, or has another data type or shape
    /// than the file declares. Returns the error of the backend if the run fails. None of them is a rejection.
    pub fn run_with(&mut self, inputs: &[(&str, OnnxInput<'_>)]) -> Result<Tensors> {
        let opened = self.opened.clone();
        self.run_in_order(&signature::in_order(&opened.inputs, inputs)?)
    }

    fn run_in_order(&mut self, inputs: &[&OnnxInput<'_>]) -> Result<Tensors> {
        let outputs = self.run.run(inputs).map_err(|error| error.context("running the model"))?;
        let mut tensors = Tensors::default();
        for (port, (shape, data)) in self.opened.outputs.iter().zip(outputs) {
            tensors.push(&*port.name, shape, data);
        }
        Ok(tensors)
    }
}

impl fmt::Debug for OnnxSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxSession").field("backend", &self.opened.backend).finish_non_exhaustive()
    }
}
