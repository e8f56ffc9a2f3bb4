"""XML read safely: no entities, no DTDs, no network, bounded depth and text."""

from __future__ import annotations

from typing import Any

from lxml import etree

from knowledge.ingestion.parsers.base import Unreadable

Element = Any  # lxml's elements have no usable types


def parse_xml(data: bytes, *, forgiving: bool = True) -> Element:
    """The root element. `forgiving` mends what is not well-formed. Raises Unreadable("corrupt")."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=forgiving,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable("corrupt") from error
    if root is None:
        raise Unreadable("corrupt")
    return root


def local(element: Element) -> str:
    """The tag without its namespace; "" for what is no element (an unresolved entity)."""
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    return tag.rpartition("}")[2]


def attribute(element: Element, name: str, default: str = "") -> str:
    """An attribute by its name without namespace: strict and transitional documents differ in those only."""
    plain = element.get(name)
    if plain is not None:
        return str(plain)
    end = "}" + name
    return next((str(value) for key, value in element.attrib.items() if key.endswith(end)), default)


def child(element: Element, name: str) -> Element | None:
    return next((one for one in element if local(one) == name), None)


def descendants(element: Element, *names: str) -> list[Element]:
    wanted = frozenset(names)
    return [one for one in element.iter() if local(one) in wanted]
