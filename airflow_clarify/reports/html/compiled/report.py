"""Jinja template, compiled by scripts/templates.py; do not edit."""
# ruff: noqa
# mypy: ignore-errors
JINJA = '3.1.6'
SOURCE = '45a19a0977479528b150d1ad0b0fcb625eb2c9f5f72cf1f4a0a6c7a503250add'
from jinja2.runtime import LoopContext, Macro, Markup, Namespace, TemplateNotFound, TemplateReference, TemplateRuntimeError, Undefined, escape, identity, internalcode, markup_join, missing, str_join
name = 'report.html.jinja'

def root(context, missing=missing):
    resolve = context.resolve_or_missing
    undefined = environment.undefined
    concat = environment.concat
    cond_expr_undefined = Undefined
    if 0: yield None
    l_0_report = resolve('report')
    l_0_policy = resolve('policy')
    l_0_style = resolve('style')
    l_0_phrases = resolve('phrases')
    l_0_formatting = resolve('formatting')
    l_0_notation = resolve('notation')
    l_0_script = resolve('script')
    l_0_named = l_0_sentence = l_0_shape = l_0_axis_labels = l_0_strip = l_0_cell = l_0_drawing = l_0_drawn = l_0_verdict = l_0_labels = missing
    try:
        t_1 = environment.filters['along']
    except KeyError:
        @internalcode
        def t_1(*unused):
            raise TemplateRuntimeError("No filter named 'along' found.")
    try:
        t_2 = environment.filters['describe']
    except KeyError:
        @internalcode
        def t_2(*unused):
            raise TemplateRuntimeError("No filter named 'describe' found.")
    try:
        t_3 = environment.filters['format']
    except KeyError:
        @internalcode
        def t_3(*unused):
            raise TemplateRuntimeError("No filter named 'format' found.")
    try:
        t_4 = environment.filters['join']
    except KeyError:
        @internalcode
        def t_4(*unused):
            raise TemplateRuntimeError("No filter named 'join' found.")
    try:
        t_5 = environment.filters['length']
    except KeyError:
        @internalcode
        def t_5(*unused):
            raise TemplateRuntimeError("No filter named 'length' found.")
    try:
        t_6 = environment.filters['lower']
    except KeyError:
        @internalcode
        def t_6(*unused):
            raise TemplateRuntimeError("No filter named 'lower' found.")
    try:
        t_7 = environment.filters['map']
    except KeyError:
        @internalcode
        def t_7(*unused):
            raise TemplateRuntimeError("No filter named 'map' found.")
    try:
        t_8 = environment.filters['subscripts']
    except KeyError:
        @internalcode
        def t_8(*unused):
            raise TemplateRuntimeError("No filter named 'subscripts' found.")
    try:
        t_9 = environment.filters['word']
    except KeyError:
        @internalcode
        def t_9(*unused):
            raise TemplateRuntimeError("No filter named 'word' found.")
    try:
        t_10 = environment.tests['name']
    except KeyError:
        @internalcode
        def t_10(*unused):
            raise TemplateRuntimeError("No test named 'name' found.")
    try:
        t_11 = environment.tests['none']
    except KeyError:
        @internalcode
        def t_11(*unused):
            raise TemplateRuntimeError("No test named 'none' found.")
    try:
        t_12 = environment.tests['where']
    except KeyError:
        @internalcode
        def t_12(*unused):
            raise TemplateRuntimeError("No test named 'where' found.")
    pass
    def macro(l_1_it):
        t_13 = []
        if l_1_it is missing:
            l_1_it = undefined("parameter 'it' was not provided", name='it')
        pass
        if t_12(l_1_it):
            pass
            t_13.extend((
                '<bdi><bdi>',
                escape(environment.finalize(environment.getattr(l_1_it, 'column'))),
                '</bdi>=<bdi>',
                escape(environment.finalize(environment.getattr(l_1_it, 'value'))),
                '</bdi></bdi>',
            ))
        else:
            pass
            t_13.extend((
                '<bdi>',
                escape(environment.finalize(l_1_it)),
                '</bdi>',
            ))
        return concat(t_13)
    context.exported_vars.add('named')
    context.vars['named'] = l_0_named = Macro(environment, macro, 'named', ('it',), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_parts):
        t_14 = []
        if l_1_parts is missing:
            l_1_parts = undefined("parameter 'parts' was not provided", name='parts')
        pass
        for l_2_part in l_1_parts:
            _loop_vars = {}
            pass
            if t_10(l_2_part):
                pass
                t_14.append(
                    escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), l_2_part, _loop_vars=_loop_vars))),
                )
            else:
                pass
                t_14.append(
                    escape(environment.finalize(l_2_part)),
                )
        l_2_part = missing
        return concat(t_14)
    context.exported_vars.add('sentence')
    context.vars['sentence'] = l_0_sentence = Macro(environment, macro, 'sentence', ('parts',), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_kind):
        t_15 = []
        if l_1_kind is missing:
            l_1_kind = undefined("parameter 'kind' was not provided", name='kind')
        pass
        t_15.extend((
            '<svg class="shape ',
            escape(environment.finalize(l_1_kind)),
            '" width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true"><use href="#',
            escape(environment.finalize(l_1_kind)),
            '"/></svg>',
        ))
        return concat(t_15)
    context.exported_vars.add('shape')
    context.vars['shape'] = l_0_shape = Macro(environment, macro, 'shape', ('kind',), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_picture):
        t_16 = []
        if l_1_picture is missing:
            l_1_picture = undefined("parameter 'picture' was not provided", name='picture')
        pass
        t_16.append(
            '<svg class="ticks" width="100%" height="18" aria-hidden="true">\n',
        )
        for l_2_tick in environment.getattr(environment.getattr(l_1_picture, 'axis'), 'ticks'):
            _loop_vars = {}
            pass
            t_16.extend((
                '<text x="',
                escape(environment.finalize(t_1(environment.getattr(l_1_picture, 'axis'), l_2_tick))),
                '" y="13">',
                escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_tick'), l_2_tick, _loop_vars=_loop_vars))),
                '</text>',
            ))
        l_2_tick = missing
        t_16.append(
            '</svg>\n',
        )
        return concat(t_16)
    context.exported_vars.add('axis_labels')
    context.vars['axis_labels'] = l_0_axis_labels = Macro(environment, macro, 'axis_labels', ('picture',), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_picture, l_1_dot):
        t_17 = []
        l_1_left = resolve('left')
        l_1_right = resolve('right')
        l_1_start = resolve('start')
        l_1_end = resolve('end')
        l_1_kind = resolve('kind')
        l_1_axis = l_1_measurement = missing
        if l_1_picture is missing:
            l_1_picture = undefined("parameter 'picture' was not provided", name='picture')
        if l_1_dot is missing:
            l_1_dot = undefined("parameter 'dot' was not provided", name='dot')
        pass
        l_1_axis = environment.getattr(l_1_picture, 'axis')
        l_1_measurement = environment.getattr(l_1_dot, 'measurement')
        t_17.extend((
            '<svg class="strip" role="img" width="100%" height="26"><title>',
            escape(environment.finalize(environment.getattr(environment.getattr(l_1_dot, 'group'), 'where'))),
            '</title><desc>',
            escape(environment.finalize(environment.getattr(l_1_picture, 'metric'))),
            ' ',
            escape(environment.finalize(t_2((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), environment.getattr(l_1_picture, 'decimals')))),
            '</desc>\n',
        ))
        if ((not t_11(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low'))) or (not t_11(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high')))):
            pass
            l_1_left = (context.call(environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'locate'), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low')) if (not t_11(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low'))) else 0)
            l_1_right = (context.call(environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'locate'), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high')) if (not t_11(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high'))) else 1)
            t_17.extend((
                '<rect class="band" x="',
                escape(environment.finalize(t_3('%.2f', (100 * (undefined(name='left') if l_1_left is missing else l_1_left))))),
                '%" width="',
                escape(environment.finalize(t_3('%.2f', (100 * ((undefined(name='right') if l_1_right is missing else l_1_right) - (undefined(name='left') if l_1_left is missing else l_1_left)))))),
                '%" height="100%"/>\n',
            ))
        for l_2_tick in environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'ticks'):
            _loop_vars = {}
            pass
            t_17.extend((
                '<line class="',
                escape(environment.finalize(('zero' if (l_2_tick == 0) else 'grid'))),
                '" x1="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), l_2_tick))),
                '" x2="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), l_2_tick))),
                '" y2="100%"/>',
            ))
        l_2_tick = missing
        def t_18(fiter):
            for l_2_bound in fiter:
                if ((not t_11(l_2_bound)) and context.call(environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'contains'), l_2_bound)):
                    yield l_2_bound
        for l_2_bound in t_18((environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low'), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high'))):
            _loop_vars = {}
            pass
            t_17.extend((
                '<line class="bound" x1="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), l_2_bound))),
                '" x2="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), l_2_bound))),
                '" y2="100%"/>',
            ))
        l_2_bound = missing
        if t_11(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value')):
            pass
            t_17.extend((
                '<text class="none" x="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), 0))),
                '" y="17" dx="6">not defined</text>\n',
            ))
        else:
            pass
            if (not t_11(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'before'))):
                pass
                t_17.extend((
                    '<line class="moved" x1="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'before')))),
                    '" x2="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value')))),
                    '" y1="13" y2="13"/><use class="before" href="#before" x="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'before')))),
                    '" y="13"/>\n',
                ))
            if environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'interval'):
                pass
                (l_1_start, l_1_end) = environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'interval')
                t_17.extend((
                    '<line class="whisker" x1="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), (undefined(name='start') if l_1_start is missing else l_1_start)))),
                    '" x2="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), (undefined(name='end') if l_1_end is missing else l_1_end)))),
                    '" y1="13" y2="13"/><use class="whisker" href="#',
                    escape(environment.finalize(('end' if context.call(environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'contains'), (undefined(name='start') if l_1_start is missing else l_1_start)) else 'left'))),
                    '" x="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), (undefined(name='start') if l_1_start is missing else l_1_start)))),
                    '" y="13"/><use class="whisker" href="#',
                    escape(environment.finalize(('end' if context.call(environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'contains'), (undefined(name='end') if l_1_end is missing else l_1_end)) else 'right'))),
                    '" x="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), (undefined(name='end') if l_1_end is missing else l_1_end)))),
                    '" y="13"/>\n',
                ))
            l_1_kind = t_9(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'outcome'))
            t_17.extend((
                '<use class="',
                escape(environment.finalize((undefined(name='kind') if l_1_kind is missing else l_1_kind))),
                '" href="#',
                escape(environment.finalize((undefined(name='kind') if l_1_kind is missing else l_1_kind))),
                '" x="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value')))),
                '" y="13"/>\n',
            ))
        t_17.append(
            '</svg>\n',
        )
        return concat(t_17)
    context.exported_vars.add('strip')
    context.vars['strip'] = l_0_strip = Macro(environment, macro, 'strip', ('picture', 'dot'), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_measurement, l_1_decimals):
        t_19 = []
        l_1_kind = missing
        if l_1_measurement is missing:
            l_1_measurement = undefined("parameter 'measurement' was not provided", name='measurement')
        if l_1_decimals is missing:
            l_1_decimals = undefined("parameter 'decimals' was not provided", name='decimals')
        pass
        l_1_kind = t_9(environment.getattr(l_1_measurement, 'outcome'))
        if t_11(environment.getattr(l_1_measurement, 'value')):
            pass
            t_19.extend((
                '<td class="number undefined',
                escape(environment.finalize((markup_join((' ', (undefined(name='kind') if l_1_kind is missing else l_1_kind), )) if ((undefined(name='kind') if l_1_kind is missing else l_1_kind) in ('violation', 'ignored')) else cond_expr_undefined("the inline if-expression on line 38 in 'report.html.jinja' evaluated to false and no else section was defined.")))),
                '">',
            ))
            if ((undefined(name='kind') if l_1_kind is missing else l_1_kind) == 'violation'):
                pass
                t_19.append(
                    '<i>violation </i>',
                )
            t_19.append(
                'not defined</td>',
            )
        elif ((undefined(name='kind') if l_1_kind is missing else l_1_kind) in ('violation', 'inconclusive', 'ignored')):
            pass
            t_19.extend((
                '<td class="number ',
                escape(environment.finalize((undefined(name='kind') if l_1_kind is missing else l_1_kind))),
                ' heat-',
                escape(environment.finalize(environment.getattr(l_1_measurement, 'heat'))),
                '"><i>',
                escape(environment.finalize((undefined(name='kind') if l_1_kind is missing else l_1_kind))),
                ' </i>',
                escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_number'), environment.getattr(l_1_measurement, 'value'), l_1_decimals))),
                '</td>',
            ))
        else:
            pass
            t_19.extend((
                '<td class="number heat-',
                escape(environment.finalize(environment.getattr(l_1_measurement, 'heat'))),
                '">',
                escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_number'), environment.getattr(l_1_measurement, 'value'), l_1_decimals))),
                '</td>',
            ))
        return concat(t_19)
    context.exported_vars.add('cell')
    context.vars['cell'] = l_0_cell = Macro(environment, macro, 'cell', ('measurement', 'decimals'), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_picture, l_1_facet):
        t_20 = []
        if l_1_picture is missing:
            l_1_picture = undefined("parameter 'picture' was not provided", name='picture')
        if l_1_facet is missing:
            l_1_facet = undefined("parameter 'facet' was not provided", name='facet')
        pass
        t_20.extend((
            '<figure>\n<figcaption>\n<h3>',
            escape(environment.finalize(environment.getattr(l_1_picture, 'metric'))),
            ' by ',
            escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column')))),
            '</h3>\n',
        ))
        if environment.getattr(l_1_picture, 'omitted'):
            pass
            t_20.extend((
                '<p>',
                escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'describe_drawn'), l_1_picture, l_1_facet))),
                '</p>',
            ))
        t_20.append(
            '<ul class="legend">\n',
        )
        if environment.getattr(l_1_picture, 'bounded'):
            pass
            t_20.append(
                '<li><svg width="22" height="14" aria-hidden="true"><rect class="band" width="22" height="14"/><line class="bound" x1="1" x2="1" y2="14"/><line class="bound" x1="21" x2="21" y2="14"/></svg> allowed</li>',
            )
        def t_21(fiter):
            for l_2_kind in fiter:
                if (l_2_kind in t_7(context, environment.getattr(l_1_picture, 'outcomes'), 'word')):
                    yield l_2_kind
        for l_2_kind in t_21(('violation', 'inconclusive', 'pass', 'ignored', 'unjudged')):
            _loop_vars = {}
            pass
            t_20.extend((
                '<li>',
                escape(environment.finalize(context.call((undefined(name='shape') if l_0_shape is missing else l_0_shape), l_2_kind, _loop_vars=_loop_vars))),
                ' ',
                escape(environment.finalize(('not judged' if (l_2_kind == 'unjudged') else l_2_kind))),
                '</li>',
            ))
        l_2_kind = missing
        if environment.getattr(l_1_picture, 'intervals'):
            pass
            t_20.append(
                '<li><svg class="shape" width="26" height="14" viewBox="-13 -7 26 14" aria-hidden="true"><path class="whisker" d="M-11 0H11M-11-4V4M11-4V4"/></svg> confidence interval</li>',
            )
        if environment.getattr(l_1_picture, 'compared'):
            pass
            t_20.extend((
                '<li>',
                escape(environment.finalize(context.call((undefined(name='shape') if l_0_shape is missing else l_0_shape), 'before'))),
                ' before</li>',
            ))
        t_20.extend((
            '</ul>\n</figcaption>\n<table class="dots',
            escape(environment.finalize((' wide' if environment.getattr(l_1_picture, 'long_names') else cond_expr_undefined("the inline if-expression on line 57 in 'report.html.jinja' evaluated to false and no else section was defined.")))),
            '">\n<thead><tr>\n<th scope="col">',
            escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column')))),
            '</th>\n<th scope="col" class="axis"><span class="unseen">',
            escape(environment.finalize(environment.getattr(l_1_picture, 'metric'))),
            ' on an axis from ',
            escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_tick'), environment.getitem(environment.getattr(environment.getattr(l_1_picture, 'axis'), 'ticks'), 0)))),
            ' to ',
            escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_tick'), environment.getitem(environment.getattr(environment.getattr(l_1_picture, 'axis'), 'ticks'), -1)))),
            '</span>\n<span class="ends"><span>',
        ))
        if environment.getattr(l_1_picture, 'below'):
            pass
            t_20.extend((
                '← ',
                escape(environment.finalize(environment.getattr(l_1_picture, 'below'))),
            ))
        t_20.extend((
            '</span><span>',
            escape(environment.finalize(environment.getattr(l_1_picture, 'above'))),
            ' →</span></span>\n',
            escape(environment.finalize(context.call((undefined(name='axis_labels') if l_0_axis_labels is missing else l_0_axis_labels), l_1_picture))),
            '</th>\n<th scope="col" class="number">',
            escape(environment.finalize(environment.getattr(l_1_picture, 'metric'))),
            '</th>\n',
        ))
        if environment.getattr(l_1_picture, 'compared'):
            pass
            t_20.append(
                '<th scope="col" class="number">Before</th>',
            )
        if environment.getattr(l_1_facet, 'counted'):
            pass
            t_20.append(
                '<th scope="col" class="number spare">Rows</th>',
            )
        t_20.append(
            '</tr></thead>\n<tbody>\n',
        )
        for l_2_dot in environment.getattr(l_1_picture, 'dots'):
            _loop_vars = {}
            pass
            t_20.extend((
                '<tr class="',
                escape(environment.finalize(t_9(environment.getattr(environment.getattr(l_2_dot, 'measurement'), 'outcome')))),
                '">\n<th scope="row">',
                escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(environment.getattr(l_2_dot, 'group'), 'value'), _loop_vars=_loop_vars))),
                '</th>\n<td>',
                escape(environment.finalize(context.call((undefined(name='strip') if l_0_strip is missing else l_0_strip), l_1_picture, l_2_dot, _loop_vars=_loop_vars))),
                '</td>\n',
                escape(environment.finalize(context.call((undefined(name='cell') if l_0_cell is missing else l_0_cell), environment.getattr(l_2_dot, 'measurement'), environment.getattr(l_1_picture, 'decimals'), _loop_vars=_loop_vars))),
                '\n',
            ))
            if environment.getattr(l_1_picture, 'compared'):
                pass
                t_20.extend((
                    '<td class="number">',
                    escape(environment.finalize((context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_number'), environment.getattr(environment.getattr(l_2_dot, 'measurement'), 'before'), environment.getattr(l_1_picture, 'decimals'), _loop_vars=_loop_vars) if (not t_11(environment.getattr(environment.getattr(l_2_dot, 'measurement'), 'before'))) else '–'))),
                    '</td>',
                ))
            if environment.getattr(l_1_facet, 'counted'):
                pass
                t_20.extend((
                    '<td class="number spare">',
                    escape(environment.finalize((context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_count'), environment.getattr(environment.getattr(environment.getattr(environment.getattr(l_2_dot, 'group'), 'split'), 'd'), 'rows'), _loop_vars=_loop_vars) if environment.getattr(environment.getattr(l_2_dot, 'group'), 'split') else '–'))),
                    '</td>',
                ))
            t_20.append(
                '</tr>\n',
            )
        l_2_dot = missing
        t_20.append(
            '</tbody>\n',
        )
        if (t_5(environment.getattr(l_1_picture, 'dots')) > 12):
            pass
            t_20.extend((
                '<tfoot aria-hidden="true"><tr><td></td><td class="axis">',
                escape(environment.finalize(context.call((undefined(name='axis_labels') if l_0_axis_labels is missing else l_0_axis_labels), l_1_picture))),
                '</td></tr></tfoot>\n',
            ))
        t_20.append(
            '</table>\n</figure>\n',
        )
        return concat(t_20)
    context.exported_vars.add('drawing')
    context.vars['drawing'] = l_0_drawing = Macro(environment, macro, 'drawing', ('picture', 'facet'), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_positive, l_1_other, l_1_kind):
        t_22 = []
        if l_1_positive is missing:
            l_1_positive = undefined("parameter 'positive' was not provided", name='positive')
        if l_1_other is missing:
            l_1_other = undefined("parameter 'other' was not provided", name='other')
        if l_1_kind is missing:
            l_1_kind = 'bar'
        pass
        t_22.extend((
            '<svg width="100%" height="14" aria-hidden="true"><rect class="bar positive" width="',
            escape(environment.finalize(t_3('%.2f', (100 * l_1_positive)))),
            '%" height="14"/><rect class="',
            escape(environment.finalize(l_1_kind)),
            '" x="',
            escape(environment.finalize(t_3('%.2f', (100 * l_1_positive)))),
            '%" width="',
            escape(environment.finalize(t_3('%.2f', (100 * l_1_other)))),
            '%" height="14"/></svg>',
        ))
        return concat(t_22)
    context.exported_vars.add('drawn')
    context.vars['drawn'] = l_0_drawn = Macro(environment, macro, 'drawn', ('positive', 'other', 'kind'), False, False, False, context.eval_ctx.autoescape)
    l_0_verdict = environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'verdict')
    context.vars['verdict'] = l_0_verdict
    context.exported_vars.add('verdict')
    l_0_labels = environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'labels')
    context.vars['labels'] = l_0_labels
    context.exported_vars.add('labels')
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="'
    yield escape(environment.finalize((undefined(name='policy') if l_0_policy is missing else l_0_policy)))
    yield '">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n<title>'
    yield escape(environment.finalize(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'full_title')))
    yield '</title>\n<style>'
    yield escape(environment.finalize((undefined(name='style') if l_0_style is missing else l_0_style)))
    yield '</style>\n</head>\n<body>\n<svg class="shapes" width="0" height="0" aria-hidden="true"><defs>\n<path id="violation" d="M0-7.5 7.5 0 0 7.5-7.5 0Z"/>\n<path id="inconclusive" d="M0-6 6.5 5.5H-6.5Z"/>\n<circle id="pass" r="5.5"/>\n<circle id="unjudged" r="5.5"/>\n<circle id="ignored" r="4.5"/>\n<circle id="before" r="4"/>\n<g id="verdict-violation"><path d="M0-8.5 8.5 0 0 8.5-8.5 0Z"/><path class="sign" d="M0-4V1M0 3.4V4"/></g>\n<g id="verdict-inconclusive"><circle r="7"/><path d="M-2.3-1.8C-2-5 3-4.6 2.4-1.6 2.1-.2 0-.2 0 1.6M0 4V4.4"/></g>\n<g id="verdict-pass"><circle r="8"/><path class="sign" d="M-3.8.2-1.2 3 3.8-2.8"/></g>\n<g id="verdict-unjudged"><circle r="8"/><path class="sign" d="M-3.6 0H3.6"/></g>\n<path id="end" d="M0-4V4"/>\n<path id="left" d="M6-4 1 0 6 4"/>\n<path id="right" d="M-6-4-1 0-6 4"/>\n</defs></svg>\n<header>\n<h1>'
    yield escape(environment.finalize(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'title')))
    yield '</h1>\n<p class="subject">'
    yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'name_subject'), (undefined(name='report') if l_0_report is missing else l_0_report)))))
    yield '</p>\n'
    if environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'origin'):
        pass
        yield '<dl class="origin">\n'
        for (l_1_what, l_1_value) in environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'origin'):
            _loop_vars = {}
            pass
            yield '<div><dt>'
            yield escape(environment.finalize(l_1_what))
            yield '</dt> <dd>'
            yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), l_1_value, _loop_vars=_loop_vars)))
            yield '</dd></div>\n'
        l_1_what = l_1_value = missing
        yield '</dl>\n'
    yield '<nav aria-label="Contents"><ul>\n<li><a href="#verdict">Verdict</a></li>\n'
    l_1_loop = missing
    for l_1_facet, l_1_loop in LoopContext(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'facets'), undefined):
        _loop_vars = {}
        pass
        yield '<li><a href="#facet-'
        yield escape(environment.finalize(environment.getattr(l_1_loop, 'index')))
        yield '">'
        yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column'), _loop_vars=_loop_vars)))
        yield '</a></li>'
    l_1_loop = l_1_facet = missing
    if environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'compared'):
        pass
        yield '<li><a href="#repair">Before and after</a></li>'
    yield '<li><a href="#rows">Rows</a></li>\n<li><a href="#metrics">Metrics</a></li>\n<li><a href="#evidence">Evidence</a></li>\n</ul></nav>\n</header>\n<main>\n<section id="verdict" class="verdict '
    yield escape(environment.finalize(t_9(environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'outcome'))))
    yield '" aria-labelledby="verdict-word">\n<h2 id="verdict-word"><svg class="shape '
    yield escape(environment.finalize(t_9(environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'outcome'))))
    yield '" width="30" height="30" viewBox="-8.5 -8.5 17 17" aria-hidden="true"><use href="#verdict-'
    yield escape(environment.finalize(t_9(environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'outcome'))))
    yield '"/></svg> '
    yield escape(environment.finalize(environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'headline')))
    yield '</h2>\n<p class="summary">'
    yield escape(environment.finalize(environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'summary')))
    yield '</p>\n'
    if environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'reasons'):
        pass
        yield '<ul class="reasons">\n'
        for l_1_reason in environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'reasons'):
            _loop_vars = {}
            pass
            yield '<li>'
            yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), l_1_reason, _loop_vars=_loop_vars)))
            yield '</li>\n'
        l_1_reason = missing
        if environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'more_reasons'):
            pass
            yield '<li>'
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_count'), environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'more_reasons'))))
            yield ' more, marked in the tables below</li>'
        yield '</ul>\n'
    if environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'tallies'):
        pass
        yield '<ul class="tallies" aria-label="Checks by outcome">\n'
        for (l_1_outcome, l_1_count) in environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'tallies'):
            _loop_vars = {}
            pass
            yield '<li class="'
            yield escape(environment.finalize(t_9(l_1_outcome)))
            yield '">'
            yield escape(environment.finalize(context.call((undefined(name='shape') if l_0_shape is missing else l_0_shape), t_9(l_1_outcome), _loop_vars=_loop_vars)))
            yield ' '
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_count'), l_1_count, _loop_vars=_loop_vars)))
            yield ' '
            yield escape(environment.finalize(t_9(l_1_outcome)))
            yield '</li>\n'
        l_1_outcome = l_1_count = missing
        yield '</ul>\n'
    if environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'rules'):
        pass
        yield '<p class="rules"><strong>Asked:</strong> '
        yield escape(environment.finalize(t_4(context.eval_ctx, environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'rules'), '; ')))
        yield '.</p>\n'
    yield '</section>\n\n<dl class="figures">\n'
    for (l_1_what, l_1_value, l_1_aside) in context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'list_figures'), (undefined(name='report') if l_0_report is missing else l_0_report)):
        _loop_vars = {}
        pass
        yield '<div><dt>'
        yield escape(environment.finalize(l_1_what))
        yield '</dt> <dd>'
        yield escape(environment.finalize(l_1_value))
        yield '</dd>'
        if l_1_aside:
            pass
            yield ' <dd class="aside">'
            yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), [l_1_aside], _loop_vars=_loop_vars)))
            yield '</dd>'
        yield '</div>\n'
    l_1_what = l_1_value = l_1_aside = missing
    yield '</dl>\n\n'
    for l_1_note in context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'list_notes'), (undefined(name='report') if l_0_report is missing else l_0_report)):
        _loop_vars = {}
        pass
        yield '<p class="note">'
        yield escape(environment.finalize(l_1_note))
        yield '</p>\n'
    l_1_note = missing
    if environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'warnings'):
        pass
        yield '<section class="warnings" aria-labelledby="warnings-word">\n<h2 id="warnings-word">'
        yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_plural'), t_5(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'warnings')), 'warning', 'warnings')))
        yield '</h2>\n<ul>\n'
        for l_1_warning in environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'warnings'):
            _loop_vars = {}
            pass
            yield '<li>'
            yield escape(environment.finalize(l_1_warning))
            yield '</li>\n'
        l_1_warning = missing
        yield '</ul>\n</section>\n'
    yield '\n'
    l_1_loop = missing
    for l_1_facet, l_1_loop in LoopContext(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'facets'), undefined):
        l_1_number = missing
        _loop_vars = {}
        pass
        l_1_number = environment.getattr(l_1_loop, 'index')
        _loop_vars['number'] = l_1_number
        yield '<section id="facet-'
        yield escape(environment.finalize((undefined(name='number') if l_1_number is missing else l_1_number)))
        yield '" aria-labelledby="facet-'
        yield escape(environment.finalize((undefined(name='number') if l_1_number is missing else l_1_number)))
        yield '-name">\n<h2 id="facet-'
        yield escape(environment.finalize((undefined(name='number') if l_1_number is missing else l_1_number)))
        yield '-name">'
        yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column'), _loop_vars=_loop_vars)))
        yield '</h2>\n<p>'
        yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'describe_tested'), l_1_facet, _loop_vars=_loop_vars), _loop_vars=_loop_vars)))
        yield '</p>\n'
        for l_2_picture in environment.getattr(l_1_facet, 'pictures')[:1]:
            _loop_vars = {}
            pass
            yield escape(environment.finalize(context.call((undefined(name='drawing') if l_0_drawing is missing else l_0_drawing), l_2_picture, l_1_facet, _loop_vars=_loop_vars)))
        l_2_picture = missing
        yield '\n<h3 id="overview-'
        yield escape(environment.finalize((undefined(name='number') if l_1_number is missing else l_1_number)))
        yield '">All metrics by '
        yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column'), _loop_vars=_loop_vars)))
        yield '</h3>\n<p class="legend">'
        if (t_5(environment.getattr(l_1_facet, 'groups')) > 1):
            pass
            yield "The deeper a cell's colour, the larger its metric beside those of the other groups and its bounds."
        yield '\n'
        def t_23(fiter):
            for (l_2_outcome, l_2_glyph) in fiter:
                if ((t_9(l_2_outcome) != 'pass') and (l_2_outcome in t_7(context, environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'tallies'), 'first'))):
                    yield (l_2_outcome, l_2_glyph)
        for (l_2_outcome, l_2_glyph) in t_23(context.call(environment.getattr(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'GLYPHS'), 'items'), _loop_vars=_loop_vars)):
            _loop_vars = {}
            pass
            yield '<span class="'
            yield escape(environment.finalize(t_9(l_2_outcome)))
            yield '">'
            yield escape(environment.finalize(l_2_glyph))
            yield ' '
            yield escape(environment.finalize(t_9(l_2_outcome)))
            yield '</span> '
        l_2_outcome = l_2_glyph = missing
        yield '</p>\n<div class="scroll'
        yield escape(environment.finalize((' tall' if (t_5(environment.getattr(l_1_facet, 'groups')) > 30) else cond_expr_undefined("the inline if-expression on line 184 in 'report.html.jinja' evaluated to false and no else section was defined."))))
        yield '" role="region" aria-labelledby="overview-'
        yield escape(environment.finalize((undefined(name='number') if l_1_number is missing else l_1_number)))
        yield '" tabindex="0">\n<table class="overview'
        yield escape(environment.finalize((' wide' if environment.getattr(l_1_facet, 'long_names') else cond_expr_undefined("the inline if-expression on line 185 in 'report.html.jinja' evaluated to false and no else section was defined."))))
        yield '">\n<thead><tr>\n<th scope="col">'
        yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column'), _loop_vars=_loop_vars)))
        yield '</th>\n'
        for l_2_heading in context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'list_count_headings'), (undefined(name='report') if l_0_report is missing else l_0_report), l_1_facet, _loop_vars=_loop_vars):
            _loop_vars = {}
            pass
            yield '<th scope="col" class="number">'
            yield escape(environment.finalize(l_2_heading))
            yield '</th>\n'
        l_2_heading = missing
        for l_2_column in environment.getattr(l_1_facet, 'columns'):
            _loop_vars = {}
            pass
            yield '<th scope="col" class="number"><a href="#metric-'
            yield escape(environment.finalize(environment.getattr(l_2_column, 'metric')))
            yield '">'
            yield escape(environment.finalize(environment.getattr(l_2_column, 'metric')))
            yield '</a></th>'
        l_2_column = missing
        yield '</tr></thead>\n<tbody>\n'
        for l_2_group in environment.getattr(l_1_facet, 'groups'):
            _loop_vars = {}
            pass
            yield '<tr>\n<th scope="row">'
            yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_2_group, 'value'), _loop_vars=_loop_vars)))
            yield '</th>\n'
            for l_3_cell in context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'format_count_cells'), (undefined(name='report') if l_0_report is missing else l_0_report), l_1_facet, l_2_group, _loop_vars=_loop_vars):
                _loop_vars = {}
                pass
                yield '<td class="number">'
                yield escape(environment.finalize(l_3_cell))
                yield '</td>\n'
            l_3_cell = missing
            for l_3_column in environment.getattr(l_1_facet, 'columns'):
                l_3_measurement = missing
                _loop_vars = {}
                pass
                l_3_measurement = context.call(environment.getattr(l_2_group, 'get_measurement'), environment.getattr(l_3_column, 'metric'), _loop_vars=_loop_vars)
                _loop_vars['measurement'] = l_3_measurement
                if (undefined(name='measurement') if l_3_measurement is missing else l_3_measurement):
                    pass
                    yield escape(environment.finalize(context.call((undefined(name='cell') if l_0_cell is missing else l_0_cell), (undefined(name='measurement') if l_3_measurement is missing else l_3_measurement), environment.getattr(l_3_column, 'decimals'), _loop_vars=_loop_vars)))
                else:
                    pass
                    yield '<td class="number">–</td>'
                yield '\n'
            l_3_column = l_3_measurement = missing
            yield '</tr>\n'
        l_2_group = missing
        yield '</tbody>\n</table>\n</div>\n'
        for l_2_picture in environment.getattr(l_1_facet, 'pictures')[1:]:
            _loop_vars = {}
            pass
            yield escape(environment.finalize(context.call((undefined(name='drawing') if l_0_drawing is missing else l_0_drawing), l_2_picture, l_1_facet, _loop_vars=_loop_vars)))
        l_2_picture = missing
        yield '\n'
        if environment.getattr(l_1_facet, 'undefined'):
            pass
            yield '<h3>Not defined</h3>\n<ul class="undefined">\n'
            l_2_loop = missing
            for l_2_undefined, l_2_loop in LoopContext(environment.getattr(l_1_facet, 'undefined'), undefined):
                _loop_vars = {}
                pass
                yield '<li><strong>'
                yield escape(environment.finalize(environment.getattr(l_2_undefined, 'metric')))
                yield '</strong> of '
                l_3_loop = missing
                for l_3_value, l_3_loop in LoopContext(environment.getattr(l_2_undefined, 'named'), undefined):
                    _loop_vars = {}
                    pass
                    yield escape(environment.finalize(('' if environment.getattr(l_3_loop, 'first') else ', ')))
                    yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), l_3_value, _loop_vars=_loop_vars)))
                l_3_loop = l_3_value = missing
                if environment.getattr(l_2_undefined, 'others'):
                    pass
                    yield ' and '
                    yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_count'), environment.getattr(l_2_undefined, 'others'), _loop_vars=_loop_vars)))
                    yield ' more'
                yield ': '
                yield escape(environment.finalize(environment.getattr(l_2_undefined, 'error')))
                yield '</li>\n'
            l_2_loop = l_2_undefined = missing
            yield '</ul>\n'
        yield '</section>\n'
    l_1_loop = l_1_facet = l_1_number = missing
    yield '\n'
    if environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'compared'):
        pass
        yield '<section id="repair" aria-labelledby="repair-word">\n<h2 id="repair-word">Before and after</h2>\n<p>'
        yield escape(environment.finalize(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'REPAIR')))
        yield '</p>\n<div class="scroll" role="region" aria-labelledby="repair-word" tabindex="0">\n<table>\n<thead><tr><th scope="col">Metric</th><th scope="col" class="number">Before</th><th scope="col">of</th><th scope="col" class="number">After</th><th scope="col">of</th></tr></thead>\n<tbody>\n'
        for l_1_metric in environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'metrics'):
            _loop_vars = {}
            pass
            yield '<tr><th scope="row">'
            yield escape(environment.finalize(environment.getattr(l_1_metric, 'name')))
            yield '</th>\n'
            for l_2_found in (environment.getattr(l_1_metric, 'before'), environment.getattr(l_1_metric, 'after')):
                _loop_vars = {}
                pass
                if l_2_found:
                    pass
                    yield '<td class="number">'
                    yield escape(environment.finalize(environment.getitem(l_2_found, 1)))
                    yield '</td><td>'
                    yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), [environment.getitem(l_2_found, 0)], _loop_vars=_loop_vars)))
                    yield '</td>'
                else:
                    pass
                    yield '<td class="number">not defined</td><td></td>'
            l_2_found = missing
            yield '</tr>\n'
        l_1_metric = missing
        yield '</tbody>\n</table>\n</div>\n</section>\n'
    yield '\n<section id="rows" aria-labelledby="rows-word">\n<h2 id="rows-word">The rows behind the numbers</h2>\n<p>'
    yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'describe_label'), (undefined(name='report') if l_0_report is missing else l_0_report)))))
    yield '</p>\n'
    if environment.getattr((undefined(name='labels') if l_0_labels is missing else l_0_labels), 'bars'):
        pass
        yield '<p class="legend"><span class="key positive"></span> positive <span class="key"></span> not positive'
        if environment.getattr((undefined(name='labels') if l_0_labels is missing else l_0_labels), 'unknown'):
            pass
            yield ' <span class="key unknown"></span> '
            yield escape(environment.finalize(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'NOT_KNOWN')))
        yield '</p>\n<div class="spread">\n<div>\n<h3 id="rows-labels">Labels</h3>\n<table class="bars" aria-labelledby="rows-labels">\n<thead><tr><th scope="col">'
        yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr((undefined(name='labels') if l_0_labels is missing else l_0_labels), 'column'))))
        yield '</th><th scope="col" class="number">'
        yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'get_bar_heading'), (undefined(name='report') if l_0_report is missing else l_0_report))))
        yield '</th><th scope="col" class="number">Share</th><th scope="col"><span class="unseen">'
        yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'get_bar_heading'), (undefined(name='report') if l_0_report is missing else l_0_report))))
        yield ', drawn</span></th></tr></thead>\n<tbody>\n'
        for l_1_bar in environment.getattr((undefined(name='labels') if l_0_labels is missing else l_0_labels), 'bars'):
            l_1_length = missing
            _loop_vars = {}
            pass
            l_1_length = (environment.getattr(l_1_bar, 'size') / environment.getattr((undefined(name='labels') if l_0_labels is missing else l_0_labels), 'longest'))
            _loop_vars['length'] = l_1_length
            yield '<tr><th scope="row">'
            if t_11(environment.getattr(l_1_bar, 'label')):
                pass
                yield '<em>'
                yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'name_label'), l_1_bar, _loop_vars=_loop_vars)))
                yield '</em>'
            else:
                pass
                yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_bar, 'label'), _loop_vars=_loop_vars)))
            if environment.getattr(l_1_bar, 'positive'):
                pass
                yield ' <small>positive</small>'
            yield '</th>\n<td class="number">'
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'format_bar_amount'), (undefined(name='report') if l_0_report is missing else l_0_report), environment.getattr(l_1_bar, 'all'), _loop_vars=_loop_vars)))
            yield '</td><td class="number">'
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'format_share'), environment.getattr(l_1_bar, 'share'), _loop_vars=_loop_vars)))
            yield '</td>\n<td>'
            yield escape(environment.finalize(context.call((undefined(name='drawn') if l_0_drawn is missing else l_0_drawn), ((undefined(name='length') if l_1_length is missing else l_1_length) if environment.getattr(l_1_bar, 'positive') else 0), (0 if environment.getattr(l_1_bar, 'positive') else (undefined(name='length') if l_1_length is missing else l_1_length)), ('bar unknown' if t_11(environment.getattr(l_1_bar, 'positive')) else 'bar'), _loop_vars=_loop_vars)))
            yield '</td></tr>\n'
        l_1_bar = l_1_length = missing
        if environment.getattr((undefined(name='labels') if l_0_labels is missing else l_0_labels), 'rest'):
            pass
            yield '<tr><th scope="row"><em>'
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'name_other_labels'), (undefined(name='report') if l_0_report is missing else l_0_report))))
            yield '</em></th><td class="number">'
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'format_bar_amount'), (undefined(name='report') if l_0_report is missing else l_0_report), environment.getattr((undefined(name='labels') if l_0_labels is missing else l_0_labels), 'rest'))))
            yield '</td><td></td><td></td></tr>\n'
        yield '</tbody>\n</table>\n</div>\n'
        def t_24(fiter):
            for l_1_facet in fiter:
                if environment.getattr(l_1_facet, 'distribution'):
                    yield l_1_facet
        l_1_loop = missing
        for l_1_facet, l_1_loop in LoopContext(t_24(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'facets')), undefined):
            l_1_longest = missing
            _loop_vars = {}
            pass
            yield '<div>\n<h3 id="rows-facet-'
            yield escape(environment.finalize(environment.getattr(l_1_loop, 'index')))
            yield '">By '
            yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column'), _loop_vars=_loop_vars)))
            yield '</h3>\n<table class="bars" aria-labelledby="rows-facet-'
            yield escape(environment.finalize(environment.getattr(l_1_loop, 'index')))
            yield '">\n<thead><tr><th scope="col">'
            yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column'), _loop_vars=_loop_vars)))
            yield '</th><th scope="col" class="number">'
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'get_bar_heading'), (undefined(name='report') if l_0_report is missing else l_0_report), _loop_vars=_loop_vars)))
            yield '</th><th scope="col" class="number">Positive</th><th scope="col"><span class="unseen">'
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'get_bar_heading'), (undefined(name='report') if l_0_report is missing else l_0_report), _loop_vars=_loop_vars)))
            yield ', drawn</span></th></tr></thead>\n<tbody>\n'
            l_1_longest = environment.getattr(environment.getattr(l_1_facet, 'distribution'), 'longest')
            _loop_vars['longest'] = l_1_longest
            for l_2_bar in environment.getattr(environment.getattr(l_1_facet, 'distribution'), 'all_bars'):
                _loop_vars = {}
                pass
                yield '<tr><th scope="row">'
                if t_11(environment.getattr(l_2_bar, 'value')):
                    pass
                    yield '<em>'
                    yield escape(environment.finalize(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'ALL_OTHERS')))
                    yield '</em>'
                else:
                    pass
                    yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_2_bar, 'value'), _loop_vars=_loop_vars)))
                yield '</th>\n<td class="number">'
                yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'format_bar_amount'), (undefined(name='report') if l_0_report is missing else l_0_report), environment.getattr(l_2_bar, 'all'), _loop_vars=_loop_vars)))
                yield '</td><td class="number">'
                yield escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'format_share'), environment.getattr(l_2_bar, 'positive_share'), _loop_vars=_loop_vars)))
                yield '</td>\n<td>'
                yield escape(environment.finalize(context.call((undefined(name='drawn') if l_0_drawn is missing else l_0_drawn), (environment.getattr(l_2_bar, 'positive_size') / (undefined(name='longest') if l_1_longest is missing else l_1_longest)), ((environment.getattr(l_2_bar, 'size') - environment.getattr(l_2_bar, 'positive_size')) / (undefined(name='longest') if l_1_longest is missing else l_1_longest)), _loop_vars=_loop_vars)))
                yield '</td></tr>\n'
            l_2_bar = missing
            yield '</tbody>\n</table>\n'
            if environment.getattr(environment.getattr(l_1_facet, 'distribution'), 'others'):
                pass
                yield '<p class="notation">The '
                yield escape(environment.finalize(t_5(environment.getattr(environment.getattr(l_1_facet, 'distribution'), 'bars'))))
                yield ' groups of most '
                yield escape(environment.finalize(t_6(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'get_bar_heading'), (undefined(name='report') if l_0_report is missing else l_0_report), _loop_vars=_loop_vars))))
                yield ' are drawn; the table above has all.</p>'
            yield '</div>\n'
        l_1_loop = l_1_facet = l_1_longest = missing
        yield '</div>\n'
    yield '</section>\n\n<section id="metrics" aria-labelledby="metrics-word">\n<h2 id="metrics-word">What the metrics say here</h2>\n<div class="metrics">\n'
    for l_1_metric in environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'metrics'):
        _loop_vars = {}
        pass
        yield '<article id="metric-'
        yield escape(environment.finalize(environment.getattr(l_1_metric, 'name')))
        yield '">\n<h3>'
        yield escape(environment.finalize(environment.getattr(l_1_metric, 'name')))
        yield ' <span>'
        yield escape(environment.finalize(environment.getattr(l_1_metric, 'title')))
        yield '</span></h3>\n<p>'
        yield escape(environment.finalize(environment.getattr(l_1_metric, 'question')))
        yield '</p>\n'
        if environment.getattr(l_1_metric, 'worst'):
            pass
            yield '<p class="reading"><strong>'
            yield escape(environment.finalize(environment.getitem(environment.getattr(l_1_metric, 'worst'), 1)))
            yield '</strong>: '
            yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), environment.getattr(l_1_metric, 'reading'), _loop_vars=_loop_vars)))
            yield '.</p>\n'
        else:
            pass
            yield '<p class="reading">It is not defined for any group of these data.</p>\n'
        yield '<p class="formula"><code>'
        yield escape(environment.finalize(t_8(environment.getattr(l_1_metric, 'formula'))))
        yield '</code> <span>'
        yield escape(environment.finalize(environment.getattr(l_1_metric, 'value_range')))
        yield '</span></p>\n</article>\n'
    l_1_metric = missing
    yield '</div>\n<p class="notation">'
    yield escape(environment.finalize(context.call((undefined(name='notation') if l_0_notation is missing else l_0_notation), weighted=(not t_11(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'weight'))))))
    yield '</p>\n</section>\n\n<section id="evidence" aria-labelledby="evidence-word">\n<h2 id="evidence-word">Evidence</h2>\n<dl class="evidence">\n'
    for (l_1_name, l_1_value) in environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'provenance'):
        _loop_vars = {}
        pass
        yield '<div><dt>'
        yield escape(environment.finalize(l_1_name))
        yield '</dt> <dd>'
        yield escape(environment.finalize(l_1_value))
        yield '</dd></div>\n'
    l_1_name = l_1_value = missing
    yield '</dl>\n'
    if environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'configuration'):
        pass
        yield '<h3 id="configuration">Configuration</h3>\n<pre tabindex="0" role="region" aria-labelledby="configuration"><code>'
        for l_1_line in context.call(environment.getattr(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'configuration'), 'split'), '\n'):
            _loop_vars = {}
            pass
            yield escape(environment.finalize(l_1_line))
            yield '\n'
        l_1_line = missing
        yield '</code></pre>\n'
    yield '</section>\n</main>\n<script>'
    yield escape(environment.finalize((undefined(name='script') if l_0_script is missing else l_0_script)))
    yield '</script>\n</body>\n</html>'

blocks = {}
debug_info = '2=91&3=115&4=137&5=152&7=160&10=177&11=190&12=194&13=201&14=203&15=204&16=207&18=212&19=225&20=240&21=244&23=249&24=253&26=260&27=262&28=265&30=278&31=281&35=294&36=302&37=303&38=307&39=318&40=322&42=335&45=343&48=352&49=357&51=367&52=372&53=387&54=392&57=401&59=403&60=405&61=412&62=422&63=424&64=427&65=432&68=440&69=445&70=447&71=449&72=451&73=454&74=461&78=475&79=479&85=488&86=511&87=514&92=518&96=520&97=522&116=524&117=526&118=528&120=531&126=543&127=552&134=556&135=558&136=564&137=566&139=569&141=576&144=582&146=585&150=599&151=602&156=605&157=609&161=621&163=628&165=631&167=633&173=643&174=647&175=650&176=654&177=658&178=660&180=666&181=670&183=674&184=690&185=694&187=696&188=698&190=705&193=715&195=719&196=721&198=728&199=732&200=734&208=745&210=751&213=755&220=781&223=784&228=786&229=790&230=792&231=795&243=810&244=812&245=815&250=820&252=826&253=830&254=833&255=845&256=849&258=852&259=855&264=860&266=870&267=874&268=876&270=882&271=884&272=888&273=897&274=901&278=905&288=916&289=920&290=922&291=926&292=928&293=931&297=939&301=945&307=947&310=957&312=960&317=968'
