from collections.abc import Sequence

class TranslationResult:
    hypotheses: list[list[str]]

class Translator:
    def __init__(
        self, model_path: str, device: str = ..., *, compute_type: str = ..., inter_threads: int = ..., intra_threads: int = ...
    ) -> None: ...
    def translate_batch(
        self,
        source: Sequence[Sequence[str]],
        target_prefix: Sequence[Sequence[str]] | None = ...,
        *,
        max_batch_size: int = ...,
        batch_type: str = ...,
        beam_size: int = ...,
        num_hypotheses: int = ...,
        length_penalty: float = ...,
        replace_unknowns: bool = ...,
    ) -> list[TranslationResult]: ...
