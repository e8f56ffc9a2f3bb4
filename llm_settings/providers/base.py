"""What every provider of models looks like from above, and the one family of errors they raise.

Vendors' SDKs, their exceptions and their wire shapes stop at the modules beside this one: whoever embeds or
answers sees these Protocols and `ProviderError` only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from doculume.errors import DoculumeError

Vectors = NDArray[np.float32]
Scale = Sequence[tuple[float, float]]
"""(cosine, similarity), rising in both; straight lines between."""


class ProviderError(DoculumeError):
    """A model could not be reached or answered with something unusable.

    `permanent`: trying again will not help until somebody changes the settings (a refused key, an unknown
    model). `retry_after`: seconds the provider asked to be left alone, where it did.
    """

    code: ClassVar[str] = "provider_error"
    status_code: ClassVar[int] = 502
    message = "The model provider did not answer properly."

    def __init__(
        self, message: str | None = None, *, permanent: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.permanent = permanent


class ProviderTimeout(ProviderError):
    code = "provider_timeout"
    status_code = 504
    message = "The model provider did not answer in time."


class EmbeddingInvalid(ProviderError):
    """The provider answered, but not with one finite vector of the right dimension for each text."""

    code = "embedding_invalid"
    message = "The embedding provider sent unusable vectors."


class Embedder(Protocol):
    """Turns text into unit vectors. Calls block; they are safe from several threads."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Of one passage; what is longer is cut."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """`(len(texts), dimensions)`, float32, each row of length 1, in the order of `texts`.

        A text without any token (an empty one) gets a vector too. Raises ProviderError.
        """

    def embed_query(self, text: str) -> Vectors:
        """`(dimensions,)`, float32, of length 1. Raises ProviderError."""

    def count_tokens(self, text: str) -> int:
        """How much of `max_tokens` the text takes, special tokens left out. Never asks the network."""

    def rarity(self, word: str) -> float:
        """How much a word tells of what a text is about; 0 for the commonest. Only ratios mean something.

        Never asks the network.
        """

    @property
    def scale(self) -> Scale:
        """What this model's cosines of a query and a passage mean. The first use may ask the provider."""

    def similarity(self, cosine: float) -> float:
        """The cosine of a query and a passage on the scale every model shares.

        0: unrelated; .4: the least that is usually relevant; .7: as most that is relevant; 1: the same text.
        """


class Reranker(Protocol):
    """Reads a question and a text together, and says how well they fit. Calls block; safe from several threads."""

    @property
    def name(self) -> str: ...

    def rerank(self, question: str, documents: Sequence[str]) -> list[float]:
        """How relevant each document is, in the order given; more is better, and only their order means something.

        Within the budget of time that it was made with. Raises ProviderError, ProviderTimeout when that is over.
        """


class ChatMessage(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of an answer. `usage` and `finish_reason` come at most once, near the end."""

    text: str = ""
    usage: Usage | None = None
    finish_reason: str | None = None


class ChatModel(Protocol):
    @property
    def model_name(self) -> str: ...

    def stream(
        self, messages: Sequence[ChatMessage], *, temperature: float | None = None, max_tokens: int | None = None
    ) -> AsyncGenerator[ChatDelta, None]:
        """The answer as it is written.

        Closing the iterator (`aclose`, or cancelling the task that awaits it) ends the provider's request.
        Raises ProviderError, also after some text has come.
        """
