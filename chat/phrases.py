"""The few sentences the product itself says in an answer, in the language of the question where it is one of these."""

from __future__ import annotations

from knowledge.ingestion.language import detect_language

NOTHING_FOUND = {
    "en": "I could not find anything about this in your documents.",
    "de": "Dazu habe ich in Ihren Dokumenten nichts gefunden.",
    "nl": "Hierover heb ik niets in uw documenten gevonden.",
    "fr": "Je n'ai rien trouvé à ce sujet dans vos documents.",
    "es": "No he encontrado nada sobre esto en sus documentos.",
    "it": "Non ho trovato nulla al riguardo nei suoi documenti.",
    "pt": "Não encontrei nada sobre isto nos seus documentos.",
    "pl": "Nie znalazłem nic na ten temat w Twoich dokumentach.",
    "ru": "Я ничего не нашёл об этом в ваших документах.",
    "uk": "Я нічого не знайшов про це у ваших документах.",
    "tr": "Belgelerinizde bununla ilgili bir şey bulamadım.",
    "ar": "لم أجد شيئًا عن هذا في مستنداتك.",
    "zh": "我在您的文档中没有找到相关内容。",
    "ja": "お使いの文書の中に、これに関する内容は見つかりませんでした。",
    "ko": "문서에서 이에 대한 내용을 찾지 못했습니다.",
}
NO_MODEL = (
    "No language model is set up, so I can only answer from your documents. "
    "Ask with your documents switched on, or have a model configured."
)


def nothing_found(question: str, locale: str = "") -> str:
    """In the language of `locale`, a tag, where one is given."""
    language = locale.split("-")[0].lower() or detect_language(question)
    return NOTHING_FOUND.get(language, NOTHING_FOUND["en"])
