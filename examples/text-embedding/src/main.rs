//! An engine that turns sentences into vectors, close to each other where the sentences mean the same.

mod bert;

use std::time::Duration;

use bert::{Bert, Config};
use chariot_engine::{
    prelude::*,
    text::{Pooling, Tokenizer},
};

/// Sentence embeddings by all-MiniLM-L6-v2.
#[chariot_engine]
struct TextEmbedding {
    tokenizer: Tokenizer,
    bert: Bert,
}

impl Model for TextEmbedding {
    type Settings = ();
    type Input = Text;
    type Output = Embedding;

    async fn load(ctx: &LoadContext) -> Result<Self> {
        let config: Config = ctx.json("config.json")?;
        let tokenizer = ctx.tokenizer("tokenizer.json")?;
        tokenizer.check_model(config.vocab_size, config.max_position_embeddings)?;
        Ok(Self { tokenizer, bert: Bert::new(&config, ctx.safetensors("model.safetensors")?)? })
    }

    fn spec() -> Spec {
        // Texts that wait while a worker computes share its next call.
        Spec::new::<Self>().batching(Duration::ZERO)
    }

    fn admit(&self, item: &mut Item<Text>) -> Result<BatchCost> {
        self.tokenizer.admit(item)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Embedding>> {
        let tokens = batch.tokens()?;
        let lengths: Vec<usize> = tokens.lengths().collect();
        let hidden = self.bert.forward(&tokens.to_tensors()?, &lengths)?;
        tokens.embeddings_from(&hidden, Pooling::mean().normalized())
    }
}
