//! Every [`Generator`] as a [`Model`]: `admit` makes the tokens of a prompt, and a call of `infer` generates its text.

use std::sync::Arc;

use super::{
    batch::Batch,
    context::LoadContext,
    definition::Model,
    generator::{Generator, PromptInput, sealed::Prompted},
    item::Item,
    sequences::Sequences,
    spec::Spec,
    worker::Worker,
};
use crate::{
    error::{Error, Expected, Result},
    input::{BatchCost, Sampling},
    protocol::block,
    text::Generation,
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
    let own = item.value().parameters();
    if let Some(wanted) = own.logprobs {
        let fault = Expected::new("no 'logprobs', which this engine does not report", wanted);
        return Err(Error::rejected(fault).at("parameters.logprobs"));
    }
    let sampling = own.or(&model.sampling());
    let limits = model.limits();
    let token = item.info().shared.token.clone();
    let (text, is_whole) = item.value().prompt(model.chat_template())?;
    token.charge(block(text.len()))?;
    let encoding = match is_whole {
        true => model.tokenizer().encode_plain_reserving(&text, &*token)?,
        false => model.tokenizer().encode_reserving(&text, &*token)?,
    };
    token.discharge(block(text.len()));
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
    let mut seat = Some(sequences.join(tokens, *most));
    while let Some(taken) = &seat {
        let logits = taken.logits(model).await?;
        let token = generation.push(&logits)?;
        if token.is_none() {
            // Others need not wait until the caller has the rest.
            seat = None;
        }
        // While the caller is slow, the others go on without this sequence.
        if let Some(text) = generation.take_text() {
            item.emit_async(text).await?;
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
        let spec = <G as Generator>::spec().streaming().max_batch(1).inline(false).one_worker();
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
