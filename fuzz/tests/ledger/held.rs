//! Engines that hold their requests until a gate opens, and the comparison of their ledger with the allocator.

use std::{
    io::{Read, Write},
    marker::PhantomData,
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use chariot_engine::{
    input::{Modality, modality},
    model::{GenerationLimits, Generator, PromptInput},
    prelude::*,
    protocol::JsonText,
    settings::ByteSize,
    testing::TestEngine,
    text::{ChatTemplate, Tokenizer, TokenizerOptions},
};
use fuzz::memory::{cost_of_all, live};

/// Buffers of the connection and of its task, in bytes.
const CONNECTION: usize = 700 << 10;

/// A request of one kind, and the engine that it is for.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    engine: Box<dyn Fn(Arc<Gate>) -> Builder>,
    headers: String,
    body: Vec<u8>,
    /// The call of the model that holds the request: of many items, the second, when there are outputs too.
    call: usize,
}

type Builder = chariot_engine::EngineBuilder;

impl Case {
    /// Makes a case of a model whose items are elements or rows.
    pub(crate) fn items<I>(name: &'static str, body: impl Into<Vec<u8>>) -> Self
    where
        I: Input<Modality: Modality<Encoded = JsonText>>,
    {
        let engine = Box::new(|gate| Engine::builder().instance("held", Items::<I>(gate, PhantomData)));
        Case { name, engine, headers: "content-type: application/json\r\n".into(), body: body.into(), call: 1 }
    }

    /// Makes a case of a model of named tensors.
    pub(crate) fn tensors<I: Input<Modality = modality::Request>>(
        name: &'static str,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let engine = Box::new(|gate| Engine::builder().instance("held", Requests::<I>(gate, PhantomData)));
        Case { name, engine, headers: String::new(), body: body.into(), call: 1 }
    }

    /// Makes a case of a model that encodes its texts.
    pub(crate) fn tokens(name: &'static str, tokenizer: fn() -> Tokenizer, body: impl Into<Vec<u8>>) -> Self {
        let engine = Box::new(move |gate| Engine::builder().instance("held", Tokens(gate, tokenizer())));
        Case { engine, ..Self::items::<Text>(name, body) }
    }

    /// Makes a case of a model that generates text, whose calls are parts of prompts.
    pub(crate) fn generated<I: PromptInput>(name: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let engine = Box::new(|gate| Engine::builder().instance("held", Generates::<I>::new(gate)));
        Case { engine, ..Self::items::<Text>(name, body) }
    }

    /// Replaces the headers.
    pub(crate) fn headers(self, headers: impl Into<String>) -> Self {
        Case { headers: headers.into(), ..self }
    }

    /// Sets that the request has more items than one call takes.
    pub(crate) fn many(self) -> Self {
        Case { call: 2, ..self }
    }
}

/// Holds the calls of a model from one on until it opens.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// The number of calls so far, and of those that pass.
    state: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Gate {
    /// Waits until the gate is open.
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        let call = state.0;
        while call > state.1 {
            state = self.changed.wait(state).unwrap();
        }
    }

    /// Lets this number of calls pass from now on.
    fn set(&self, pass: usize) {
        *self.state.lock().unwrap() = (0, pass);
        self.changed.notify_all();
    }

    /// Returns `true` if a call waits.
    fn holds(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.0 > state.1
    }
}

struct Items<I>(Arc<Gate>, PhantomData<fn() -> I>);

impl<I: Input<Modality: Modality<Encoded = JsonText>>> Model for Items<I> {
    type Settings = ();
    type Input = I;
    type Output = Json<u8>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("an instance".into())
    }

    async fn infer(&self, batch: Batch<I>) -> Result<Vec<Json<u8>>> {
        self.0.pass();
        batch.try_map(|_| Ok(Json(0)))
    }
}

struct Tokens(Arc<Gate>, Tokenizer);

impl Model for Tokens {
    type Settings = ();
    type Input = Text;
    type Output = Json<u8>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("an instance".into())
    }

    fn admit(&self, item: &mut Item<Text>) -> Result<BatchCost> {
        self.1.admit(item)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<u8>>> {
        self.0.pass();
        batch.try_map(|_| Ok(Json(0)))
    }
}

/// Generates nothing: each text ends at once.
struct Generates<I> {
    gate: Arc<Gate>,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    input: PhantomData<fn() -> I>,
}

impl<I> Generates<I> {
    fn new(gate: Arc<Gate>) -> Self {
        let file = r#"{
            "version": "1.0",
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "model": {"type": "WordLevel", "vocab": {"<end>": 0, "a": 1, "b": 2}, "unk_token": "<end>"}
        }"#;
        let options = TokenizerOptions::new().max_tokens(CONTEXT);
        let template = "{% for message in messages %}<{{ message.role }}> {{ message.content }} {% endfor %}";
        Generates {
            gate,
            tokenizer: Tokenizer::from_json(file, &options).expect("a tokenizer"),
            template: ChatTemplate::new(template).expect("a template"),
            input: PhantomData,
        }
    }
}

/// The most tokens of a text.
const CONTEXT: usize = 1 << 20;

impl<I: PromptInput> Generator for Generates<I> {
    type Settings = ();
    type Input = I;
    type Sequence = ();

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("an instance".into())
    }

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn chat_template(&self) -> Option<&ChatTemplate> {
        Some(&self.template)
    }

    fn limits(&self) -> GenerationLimits {
        GenerationLimits::new(CONTEXT).prefill(CONTEXT)
    }

    fn ends(&self) -> Vec<u32> {
        vec![0]
    }

    fn sequence(&self) -> Result<()> {
        Ok(())
    }

    fn prefill(&self, (): &mut (), _: &[u32]) -> Result<Vec<f32>> {
        self.gate.pass();
        Ok(vec![1.0, f32::NEG_INFINITY, f32::NEG_INFINITY])
    }
}

struct Requests<I>(Arc<Gate>, PhantomData<fn() -> I>);

impl<I: Input<Modality = modality::Request>> Model for Requests<I> {
    type Settings = ();
    type Input = I;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("an instance".into())
    }

    async fn infer(&self, batch: Batch<I>) -> Result<Vec<Tensors>> {
        self.0.pass();
        batch.try_map(|_| Ok(Tensors::default()))
    }
}

/// A served engine.
struct Served {
    engine: TestEngine,
    address: (Ipv4Addr, u16),
    gate: Arc<Gate>,
    _runtime: tokio::runtime::Runtime,
}

impl Served {
    fn start(case: &Case, limit: Option<usize>) -> Self {
        let gate = Arc::new(Gate::default());
        let builder = (case.engine)(gate.clone()).configure(move |settings| {
            settings.workers = Some(1);
            settings.max_body = ByteSize(1 << 30);
            settings.max_text = ByteSize(1 << 30);
            settings.max_request_bytes = limit.map(|limit| ByteSize(limit as u64)).or(settings.max_request_bytes);
        });
        let engine = TestEngine::start(builder).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = (Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port());
        listener.set_nonblocking(true).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let served = engine.engine().clone();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            served.serve(listener, std::future::pending()).await
        });
        Served { engine, address, gate, _runtime: runtime }
    }

    fn counted(&self) -> usize {
        self.engine.engine().in_flight().bytes as usize
    }

    fn send(&self, case: &Case) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = format!(
            "POST /infer HTTP/1.1\r\nhost: engine\r\nconnection: close\r\n{}content-length: {}\r\n\r\n",
            case.headers,
            case.body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A request that is refused is not read to its end.
        let _ = stream.write_all(&case.body);
        stream
    }

    /// Reads the response, and returns its status.
    fn answer(mut stream: TcpStream) -> String {
        let (mut piece, mut start) = ([0; 4 << 10], Vec::with_capacity(16));
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            start.extend_from_slice(&piece[..count.min(start.capacity() - start.len())]);
        }
        String::from_utf8_lossy(start.get(9..12).unwrap_or_default()).into_owned()
    }

    /// Sends a request that nothing holds, and waits until the engine holds nothing.
    fn exchange(&self, case: &Case) -> String {
        self.gate.set(usize::MAX);
        let status = Self::answer(self.send(case));
        until(case.name, "the request is released", || self.counted() == 0 && self.idle());
        status
    }

    fn idle(&self) -> bool {
        self.engine.engine().in_flight().requests == 0
    }
}

fn until(name: &str, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "{name}: expected that {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Sends the request of a case, and compares what the engine counts with what the allocator has given to it: while the
/// request is held, while it is decoded, and afterwards.
pub(crate) fn compare(case: &Case) -> Result<(), String> {
    let served = Served::start(case, None);
    let status = served.exchange(case);
    if status != "200" {
        return Err(format!("{}: status {status}", case.name));
    }
    let mut base = live();
    // The tasks of the last connection end a little later.
    std::thread::sleep(Duration::from_millis(30));
    base = base.min(live());
    served.gate.set(case.call - 1);
    let stream = served.send(case);
    until(case.name, "the model is called", || served.gate.holds());
    let (counted, resident) = (served.counted(), live().saturating_sub(base));
    served.gate.set(usize::MAX);
    Served::answer(stream);
    until(case.name, "the request is released", || served.counted() == 0 && served.idle());
    let deadline = Instant::now() + Duration::from_secs(10);
    while live() > base + (256 << 10) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
    let left = live().saturating_sub(base);

    let (_, peak) = cost_of_all(|| served.exchange(case));
    let limit = peak.saturating_sub(CONNECTION) * 10 / 13;
    drop(served);
    let refused = limit == 0 || {
        let status = Served::start(case, Some(limit)).exchange(case);
        status == "413"
    };
    let body = case.body.len();
    println!("{:40} body {body:9} resident {resident:10} counted {counted:10} peak {peak:10} left {left}", case.name);
    let figures = format!("{} bytes resident, {} counted for a body of {}, at most {}", resident, counted, body, peak);
    if counted * 13 / 10 + CONNECTION < resident {
        return Err(format!("{}: too little is counted: {figures}", case.name));
    }
    if counted > resident * 2 + CONNECTION {
        return Err(format!("{}: too much is counted: {figures}", case.name));
    }
    if !refused {
        return Err(format!("{}: accepted under a limit of {limit} bytes: {figures}", case.name));
    }
    if left > 256 << 10 {
        return Err(format!("{}: {left} bytes are left: {figures}", case.name));
    }
    Ok(())
}
