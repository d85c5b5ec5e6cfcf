"""A run's models as repositories on the Hugging Face hub.

`contents` says what a repository holds, `privacy` keeps this machine's names out of it, `uploading`
compares it with the hub and uploads what is missing, `failures` explains what can go wrong.
"""

from babyllama.publish.hub.publishing import planned_models, publish_models

__all__ = ["planned_models", "publish_models"]
