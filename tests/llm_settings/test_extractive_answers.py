from __future__ import annotations

from dataclasses import replace

import pytest

from knowledge.ingestion.sentences import split_sentences
from knowledge.search.terms import terms_of
from llm_settings.providers import get_embedder
from llm_settings.providers.extractive import ExtractiveAnswer, ExtractiveModel, Passage, as_text

CANAL = (
    "The Fenwick Canal joins the harbor to the upper lake. Work on it began in 1811 under Margaret Oldcastle. "
    "It was opened to ships in June 1824. The canal is 31 kilometers long and has nine locks. "
    "Today it is used by pleasure boats only."
)
BAKERY = (
    "Our sourdough rests for eighteen hours before it is baked. Loaves cost 4.50 euros. "
    "The shop on Mill Street is closed on Mondays. Orders for weddings must be placed two weeks ahead."
)
PUMP = (
    "Before servicing the pump, close valve B and wait until the pressure gauge shows zero. "
    "Replace the seal every 2,000 hours of operation. Error E17 means that the motor has overheated."
)
KANAL = (
    "Der Fenwick-Kanal verbindet den Hafen mit dem oberen See. Die Bauarbeiten begannen 1811 unter Margaret Oldcastle. "
    "Im Juni 1824 wurde er für Schiffe freigegeben. Er ist 31 Kilometer lang und hat neun Schleusen."
)
YUNHE = "芬威克运河连接港口和上游的湖泊。工程于1811年开工。运河于1824年6月通航。全长31公里，设有九座船闸。"
PRICES = "Article | Color | Price\nLadder 3 m | gray | 89.00\nBucket 10 l | blue | 6.20\nBroom | red | 11.75"


@pytest.fixture(scope="module")
def model() -> ExtractiveModel:
    return ExtractiveModel(get_embedder(), terms_of)


def passages(*texts: str, language: str = "en", **more) -> list[Passage]:
    return [
        Passage(number, text, 1 / number, split_sentences(text), language, **more)
        for number, text in enumerate(texts, 1)
    ]


def read(model: ExtractiveModel, question: str, sources: list[Passage], **more) -> ExtractiveAnswer:
    """As after a search: the passages' cosines are known, and how many there are."""
    embedder = get_embedder()
    cosines = embedder.embed_passages([source.text for source in sources]) @ embedder.embed_query(question)
    known = [replace(source, cosine=float(cosine)) for source, cosine in zip(sources, cosines, strict=True)]
    return model.answer(question, known, searched=len(known), **more)


@pytest.mark.parametrize(
    ("question", "number", "words"),
    [
        ("When was the canal opened?", 1, "June 1824"),
        ("How many locks does the canal have?", 1, "nine locks"),
        ("Who led the work on the Fenwick Canal?", 1, "Margaret Oldcastle"),
        ("When is the shop closed?", 2, "Mondays"),
        ("price of a loaf", 2, "4.50"),
        ("What does E17 mean?", 3, "overheated"),
        ("seal replacement interval", 3, "2,000 hours"),
    ],
)
def test_the_sentence_that_answers_is_quoted_and_cited(model, question, number, words):
    answer = read(model, question, passages(CANAL, BAKERY, PUMP))
    assert answer.relevant
    assert any(words in sentence.text and sentence.passage == number for sentence in answer.sentences)


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Mongolia?",
        "Which drugs lower blood pressure?",
        "what similarity laws must be obeyed when constructing aeroelastic models of heated high speed aircraft .",
        "Who wrote Don Quixote?",
        "parliament election results",
        "How do I train a puppy?",
        "?!",
    ],
)
@pytest.mark.parametrize("texts", [(CANAL, BAKERY, PUMP), (CANAL,), (PUMP,)])
def test_what_the_sources_do_not_speak_of_is_refused(model, question, texts):
    assert not read(model, question, passages(*texts)).relevant


@pytest.mark.parametrize(
    ("language", "text", "question", "words", "elsewhere"),
    [
        ("de", KANAL, "Wann wurde der Kanal eröffnet?", "1824", "Wie viele Einwohner hat Portugal?"),
        ("de", KANAL, "Anzahl der Schleusen", "neun Schleusen", "Welche Medikamente senken den Blutdruck?"),
        ("zh", YUNHE, "运河什么时候通航？", "1824年6月", "谁写了《红楼梦》？"),
        ("", YUNHE, "运河有多长？", "31公里", "高血压吃什么药？"),
    ],
)
def test_it_works_in_the_language_of_the_sources(model, language, text, question, words, elsewhere):
    answer = read(model, question, passages(text, language=language))
    assert answer.relevant
    assert any(words in sentence.text for sentence in answer.sentences)
    assert not read(model, elsewhere, passages(text, language=language)).relevant


def test_a_row_of_a_table_is_a_sentence(model):
    answer = read(model, "What does the broom cost?", passages(PRICES, kind="table"), max_sentences=1)
    assert answer.relevant
    assert [sentence.text for sentence in answer.sentences] == ["Broom | red | 11.75"]


def test_the_context_of_a_passage_counts_for_relevance(model):
    [bare] = passages("It must be replaced every 2,000 hours of operation, together with its spring.")
    told = Passage(1, bare.text, 1.0, bare.sentences, "en", context="Hydraulic pump HX-9 > Shaft seal")
    question = "When must the shaft seal of the HX-9 pump be replaced?"
    assert not read(model, question, [bare]).relevant
    assert read(model, question, [told]).relevant


def test_offsets_point_at_the_quoted_words(model):
    sources = passages(CANAL, BAKERY, PUMP)
    for sentence in read(model, "How long is the canal?", sources).sentences:
        assert sources[sentence.passage - 1].text[sentence.start : sentence.end] == sentence.text


def test_sentences_of_a_passage_are_in_reading_order_and_each_bears_its_number(model):
    answer = read(model, "When did work on the canal begin and when was it opened?", passages(CANAL, BAKERY))
    by_passage = [[one.start for one in answer.sentences if one.passage == number] for number in (1, 2)]
    assert all(starts == sorted(starts) for starts in by_passage)
    assert as_text(answer).count("[1]") == len(by_passage[0]) > 0
    assert "1811 under Margaret Oldcastle. [1]" in as_text(answer)


def test_no_more_sentences_than_wanted(model):
    for count in (1, 2, 3):
        assert (
            len(read(model, "Tell me about the canal", passages(CANAL, BAKERY), max_sentences=count).sentences) <= count
        )


def test_the_same_sentence_is_not_said_twice(model):
    answer = read(model, "When was the canal opened?", passages(CANAL, CANAL, CANAL))
    texts = [sentence.text for sentence in answer.sentences]
    assert len(texts) == len(set(texts))


def test_rare_words_of_the_collection_weigh_more(model):
    texts = passages("The report on pumps is due in May.", "The report on zeolites is due in June.")
    question = "When is the report on zeolites and pumps due?"
    for rare, number in (("zeolit", 2), ("pump", 1)):
        weights = {rare: 20.0}
        answer = read(model, question, texts, max_sentences=1, idf=lambda term, weights=weights: weights.get(term, 0.1))
        assert answer.sentences[0].passage == number


def test_text_without_full_stops_is_quoted_in_pieces_of_a_readable_length(model):
    endless = (
        "wing pressure was measured at mach two, and " * 100 + "the flutter speed was 410 knots, " + "so on, " * 100
    )
    answer = read(model, "what was the flutter speed", passages(endless))
    assert all(len(sentence.text) <= 500 for sentence in answer.sentences)
    assert any("410 knots" in sentence.text for sentence in answer.sentences)


@pytest.mark.parametrize("text", ["", "   ", ".", "\0", "🙂🙂"])
def test_passages_without_words_answer_nothing(model, text):
    answer = read(model, "When was the canal opened?", [Passage(1, text, 1.0, [(0, len(text))])])
    assert not answer.relevant
    assert as_text(answer).strip(" [1]🙂\0.") == ""


def test_nothing_found_answers_nothing(model):
    answer = model.answer("When was the canal opened?", [])
    assert (answer.sentences, answer.relevant, answer.confidence) == ([], False, 0.0)


def test_a_source_that_answers_in_another_language_is_not_silent_for_lack_of_shared_words(model):
    assert read(model, "Wie viele Schleusen hat der Fenwick-Kanal?", passages(CANAL)).relevant
    assert not read(model, "Welche Medikamente senken den Blutdruck?", passages(CANAL)).relevant
