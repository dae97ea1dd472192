"""How lessons look: large letters on a wall, and paper without controls."""

BODY, NAV = "lesson", "lesson_nav"

_LARGE = f"""
[data-testid=stMainBlockContainer] {{ padding-top: 2.6rem; padding-bottom: 0; }}
.st-key-{BODY} {{ max-width: 68rem; margin: 0 auto; }}
.st-key-{BODY} [data-testid=stMarkdown] p, .st-key-{BODY} [data-testid=stMarkdown] li {{
  font-size: 1.3rem; line-height: 1.5; }}
.st-key-{BODY} [data-testid=stAlert] p {{ font-size: 1.2rem; line-height: 1.45; }}
.st-key-{BODY} [data-testid=stMarkdown] td, .st-key-{BODY} [data-testid=stMarkdown] th {{ font-size: 1.15rem; }}
.st-key-{BODY} [data-testid=stCaptionContainer] p {{ font-size: .95rem; }}
.st-key-{BODY} [data-testid=stWidgetLabel] p {{ font-size: 1.05rem; }}
"""
_BAR = f"""
[data-testid=stLayoutWrapper]:has(> .st-key-{NAV}) {{ position: sticky; bottom: 0; z-index: 5; }}
.st-key-{NAV} {{ padding: .6rem 0 .4rem; max-width: 68rem; margin: 0 auto;
  border-top: 1px solid rgba(128, 128, 128, .25); }}
"""
_CONTROLS = ", ".join(
    f"[data-testid={name}]"
    for name in (
        "stSidebar", "stExpandSidebarButton", "stHeader", "stToolbar", "stSlider", "stSelectbox", "stMultiSelect",
        "stButtonGroup", "stButton", "stCheckbox", "stNumberInput", "stPageLink", "stStatusWidget",
    )
)  # fmt: skip
_PAPER = f"""
{_CONTROLS}, .st-key-verdict, .st-key-{NAV}, .modebar {{ display: none !important; }}
.st-key-{BODY} {{ max-width: 42rem; margin: 0 auto; }}
.st-key-{BODY} [data-testid=stMarkdown] p, .st-key-{BODY} [data-testid=stMarkdown] li {{
  font-size: 1.05rem; line-height: 1.45; }}
[class*="st-key-sheet_"] {{ break-inside: avoid; padding-bottom: 1.2rem; }}
@media print {{
  @page {{ size: A4; margin: 14mm; }}
  html, body, #root, .stApp, .stApp > *, [data-testid=stAppViewContainer], [data-testid=stMain] {{
    position: static !important; display: block !important; height: auto !important; overflow: visible !important; }}
  [data-testid=stMainBlockContainer] {{ padding: 0 !important; }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
"""


def screen_style(background: str) -> str:
    """Return the style of a screen, as HTML.

    Args:
        background: the page's own colour, so that nothing shines through the bar below.
    """
    return f"<style>{_LARGE}{_BAR}.st-key-{NAV} {{ background: {background}; }}</style>"


def print_style() -> str:
    """Return the style of a lesson for printing, as HTML: no side bar, no controls, no verdict on an answer."""
    return f"<style>{_PAPER}</style>"


def progress_html(screen: int, screens: int) -> str:
    """Return one bar for each screen, those up to this one filled."""
    bars = "".join(
        f'<i style="flex:1;height:.45rem;border-radius:.25rem;background:'
        f'currentColor;opacity:{0.75 if place <= screen else 0.18}"></i>'
        for place in range(1, screens + 1)
    )
    return f'<div role="img" aria-label="Screen {screen} of {screens}" style="display:flex;gap:.35rem">{bars}</div>'
