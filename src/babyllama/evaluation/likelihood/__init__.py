"""Log-likelihoods of texts under any kind of model.

texts             what is scored, and the log-likelihoods of its tokens
rules             each year's scoring rules
encoding          texts as the tokens that a model reads
decoders          causal models, by the chain rule
masked            masked models, by pseudo-log-likelihood
encoder_decoders  encoder-decoders, by the chain rule
model_group       masked models or encoder-decoders averaged as one
scorer            loads any of them and scores texts
"""
