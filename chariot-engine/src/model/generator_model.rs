//! Every [`Generator`] as a [`Model`]: `admit` makes the tokens of a prompt, and a call of `infer` generates its text.

use std::sync::Arc;

use super::{
    batch::Batch,
    context::LoadContext,
    definition::Model,
    generator::{
        Generator, PromptInput,
        sealed::{Content, Prompted},
    },
    item::Item,
    sequences::Sequences,
    spec::Spec,
    worker::Worker,
};
use crate::{
    error::{Error, Expected, Result},
    inflight::RequestToken,
    input::{BatchCost, ChatMessage, Sampling},
    protocol::block,
    text::{ChatTemplate, Generation},
};

/// The calls of a worker at once where the author sets no number.
const CONCURRENCY: usize = 64;

/// The prompt of an item as tokens, from `admit`.
struct PromptTokens {
    tokens: Box<[u32]>,
    sampling: Arc<Sampling>,
    /// The most tokens to generate.
    most: usize,
}

/// Makes the tokens of a prompt and checks its limits.
fn admit<G: Generator>(model: &G, item: &mut Item<G::Input>) -> Result<BatchCost> {
    let sampling = item.value().parameters().or(&model.sampling());
    let limits = model.limits();
    let token = item.info().shared.token.clone();
    let encoding = match item.value().content() {
        Content::Text(text) => model.tokenizer().encode_reserving(text, &*token)?,
        Content::Messages(messages) => {
            let text = write(messages, model.chat_template(), &token)?;
            token.charge(block(text.len()))?;
            let encoding = model.tokenizer().encode_plain_reserving(&text, &*token)?;
            token.discharge(block(text.len()));
            encoding
        }
    };
    let count = encoding.len();
    if count == 0 {
        return Err(Error::rejected(Expected::new("a prompt of at least one token", "none")));
    }
    let longest = limits.context.min(limits.cached_tokens).saturating_sub(1);
    if encoding.is_truncated() || count > longest {
        let longest = longest.min(model.tokenizer().max_tokens());
        let got = if encoding.is_truncated() { "more".to_owned() } else { count.to_string() };
        return Err(Error::rejected(Expected::new(format_args!("a prompt of at most {longest} tokens"), got)));
    }
    let most = sampling.max_tokens.unwrap_or(usize::MAX).min(longest + 1 - count);
    // The tokens of the prompt, here and in its sequence, and those of the text.
    token.charge(block(count * size_of::<u32>()).saturating_add(block((count + most) * size_of::<u32>())))?;
    let tokens = encoding.ids().collect();
    item.attach(PromptTokens { tokens, sampling: sampling.into(), most });
    Ok(BatchCost::new(1))
}

/// Writes messages as a prompt.
///
/// # Errors
/// Rejects messages that the template does not accept, and all of them if there is none. Returns an error if the memory that
/// this takes exceeds a limit.
fn write(messages: &[ChatMessage], template: Option<&ChatTemplate>, token: &RequestToken) -> Result<String> {
    let Some(template) = template else {
        return Err(Error::rejected(Expected::new("a prompt", "messages, for which the model has no chat template")));
    };
    let has_picture = |message: &ChatMessage| message.content.iter().any(|part| part.as_text().is_none());
    if let Some(index) = messages.iter().position(has_picture) {
        let fault = Expected::new("a text", "a picture, which this engine does not take");
        return Err(Error::rejected(fault).at(format_args!("[{index}].content")));
    }
    template.render_reserving(messages, token)
}

/// Generates the text of one item.
///
/// # Errors
/// Returns the errors of the model, and those of sending parts of the text.
async fn generate<G: Generator>(
    model: &G,
    sequences: &Sequences<G::Sequence>,
    item: Item<G::Input>,
) -> Result<<G::Input as PromptInput>::Answer> {
    let Some(PromptTokens { tokens, sampling, most }) = item.attached() else {
        return Err("`admit` of the generator has not seen the item".into());
    };
    let generation = Generation::new(model.tokenizer(), tokens, sampling, *most);
    let mut generation = generation.ends(model.ends())?;
    let mut charged = 0;
    let mut seat = Some(sequences.join(tokens, *most));
    while let Some(taken) = &seat {
        let logits = taken.logits(model).await?;
        let token = generation.push(&logits)?;
        if token.is_none() {
            // Others need not wait until the caller has the rest.
            seat = None;
        }
        let memory = generation.memory();
        item.info().shared.token.charge(memory.saturating_sub(charged))?;
        charged = memory.max(charged);
        // While the caller is slow, the others go on without this sequence.
        if let Some(part) = generation.take_part() {
            item.emit_async(&part).await?;
        }
        if let (Some(seat), Some(token)) = (&seat, token) {
            seat.push(token);
        }
    }
    Ok(generation.finish().into())
}

#[diagnostic::do_not_recommend]
impl<G: Generator> Model for G {
    type Settings = G::Settings;
    type Input = G::Input;
    type Output = <G::Input as PromptInput>::Answer;

    async fn load(ctx: &LoadContext<Self::Settings>) -> Result<Self> {
        <G as Generator>::load(ctx).await
    }

    fn spec() -> Spec {
        let spec = <G as Generator>::spec().streaming().max_batch(1).inline(false).one_worker().logprobs();
        if spec.concurrency > 1 { spec } else { spec.concurrency(CONCURRENCY) }
    }

    fn admit(&self, item: &mut Item<Self::Input>) -> Result<BatchCost> {
        admit(self, item)
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Self::Output>> {
        let sequences = Sequences::of(&batch)?;
        let outputs = batch.into_iter().map(|item| generate(self, &sequences, item));
        futures_util::future::try_join_all(outputs).await
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        <G as Generator>::warm_up(self, worker).await
    }

    async fn health(&self) -> Result<()> {
        <G as Generator>::health(self).await
    }
}
