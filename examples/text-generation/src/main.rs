//! An engine that answers in a conversation: SmolLM2, or another model of the Llama family.

mod llama;
mod weights;

use chariot_engine::{
    model::{GenerationLimits, Generator, Next},
    prelude::*,
    text::{ChatTemplate, Tokenizer},
};
use llama::{Cache, Llama};
use weights::Weights;

/// The most tokens of a conversation. The model knows longer ones, which take memory and time.
const CONTEXT: usize = 2048;

/// Answers by SmolLM2-135M-Instruct.
#[chariot_engine]
struct TextGeneration {
    tokenizer: Tokenizer,
    template: ChatTemplate,
    llama: Llama,
    end: u32,
}

impl Generator for TextGeneration {
    type Settings = ();
    type Input = Chat;
    type Sequence = Cache;

    async fn load(ctx: &LoadContext) -> Result<Self> {
        let weights = Weights::open(ctx)?;
        let (tokenizer, template) = weights.texts(ctx)?;
        let config = weights.config();
        tokenizer.check_model(config.vocab_size, tokenizer.max_tokens())?;
        let llama =
            Llama::new(config, &weights, config.max_position_embeddings.min(CONTEXT), ctx.device().as_candle())?;
        Ok(Self { tokenizer, template, llama, end: config.eos_token_id })
    }

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn chat_template(&self) -> Option<&ChatTemplate> {
        Some(&self.template)
    }

    fn limits(&self) -> GenerationLimits {
        GenerationLimits::new(self.llama.context()).sequences(16).cached_tokens(4 * CONTEXT)
    }

    fn ends(&self) -> Vec<u32> {
        vec![self.end]
    }

    fn sequence(&self) -> Result<Cache> {
        Ok(self.llama.cache())
    }

    fn prefill(&self, cache: &mut Cache, tokens: &[u32]) -> Result<Vec<f32>> {
        let logits = self.llama.forward(&mut [(cache, tokens)])?;
        Ok(logits.squeeze(0)?.to_vec1()?)
    }

    fn step(&self, sequences: &mut [Next<'_, Cache>]) -> Result<Vec<Vec<f32>>> {
        let tokens: Vec<[u32; 1]> = sequences.iter().map(|next| [next.token]).collect();
        let mut parts: Vec<(&mut Cache, &[u32])> =
            sequences.iter_mut().zip(&tokens).map(|(next, token)| (&mut *next.sequence, &token[..])).collect();
        Ok(self.llama.forward(&mut parts)?.to_vec2()?)
    }
}
