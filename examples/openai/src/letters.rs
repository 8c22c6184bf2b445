//! [`Letters`], a model that counts the letters of a text. Texts with the same letters have the same vector.

use chariot_engine::prelude::*;

pub(crate) struct Letters;

impl Model for Letters {
    type Settings = ();
    type Input = Text;
    type Output = Embedding;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Letters)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Embedding>> {
        batch.try_map(|text| {
            let mut counts = vec![0.0_f32; 26];
            for letter in text.as_str().bytes().filter(u8::is_ascii_alphabetic) {
                counts[usize::from(letter.to_ascii_lowercase() - b'a')] += 1.0;
            }
            let length = counts.iter().map(|count| count * count).sum::<f32>().sqrt().max(1.0);
            counts.iter_mut().for_each(|count| *count /= length);
            Ok(Embedding::new(counts)?.with_tokens(text.as_str().split_whitespace().count()))
        })
    }
}
