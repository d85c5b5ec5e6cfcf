"""Log-likelihoods of texts under any kind of model, by a year's rules."""
