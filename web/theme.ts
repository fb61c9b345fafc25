// Before anything is drawn: light or dark as the reader chose, here or in the chapters, if not as the system says.
const chosen = localStorage.getItem('theme');
if (chosen) document.documentElement.dataset.theme = chosen;
