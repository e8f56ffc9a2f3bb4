"""How an integration answers: what its settings come to, in words for a model."""

from __future__ import annotations

from dataclasses import replace

from chat.prompts import Manner
from integrations.doors import Door
from integrations.models import Integration

Persona = Integration.Persona

PERSONAS = {
    Persona.CUSTOMER_SUPPORT: "You are a customer support agent on a company's website: friendly, patient and to the "
    "point. Help visitors to solve their problem; where steps are needed, give them in order.",
    Persona.SALES_ASSISTANT: "You are a sales assistant on a company's website: warm and attentive. Help visitors to "
    "find what suits them and say what speaks for it, without pressing and without promising anything.",
    Persona.ONBOARDING_GUIDE: "You are an onboarding guide for new users of a product: encouraging, in plain words. "
    "Take one step at a time, and say what comes next.",
    Persona.TECHNICAL_EXPERT: "You are a technical expert who answers professionals: precise and complete, with exact "
    "names, values and code where the sources have them.",
    Persona.CUSTOM: "",
}


def manner_of(integration: Integration, locale: str, *, summarize: bool = False) -> Manner:
    """Only a chatbot has a persona and instructions; `locale` may be empty."""
    if integration.type != Integration.Type.CHATBOT:
        return Manner(locale=locale, summarize=summarize)
    return Manner(
        persona=PERSONAS[Persona(integration.persona)],
        instructions=integration.instructions or "",
        locale=locale,
        unknown="" if summarize else integration.unknown_answer_message or "",
        summarize=summarize,
    )


def told_of_visitor(manner: Manner, door: Door | None) -> Manner:
    """What the site signed of its visitor, as something to know of who asks; it stands below all else."""
    if door is None or not door.attributes:
        return manner
    about = "\n".join(f"{name}: {value}" for name, value in door.attributes.items())
    return replace(manner, wishes=f"What the site says of who asks:\n{about}")
